// Asks for what the page needs first before its modules are asked for: on a server that has not read the evaluation yet,
// that answer takes longer than everything else, and a browser asks for six things at a time only. Whoever asks for the
// same address later gets these answers (api.js). Not a module, since those start last.
{
  const dir = new URLSearchParams(location.search).get("dir");
  const addresses = ["/api/info"];
  if (dir !== null) addresses.unshift(`/api/routes?${new URLSearchParams({ dir: dir || "." })}`);
  window.early = new Map(addresses.map((url) => [url, fetch(url, { cache: "no-store" })]));
  for (const answer of window.early.values()) answer.catch(() => {}); // whoever takes it is told
  for (const link of document.querySelectorAll("link[data-module]")) link.rel = "modulepreload";
}
