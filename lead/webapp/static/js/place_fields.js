// The slider and the fields for time, frame and step: they show where the player is, and go where one says.

import { byId } from "./dom.js";
import { parseTime, timeText, wholeNumber } from "./format.js";

/** Keep the fields and the slider of a player. */
export function startPlaceFields(player) {
  let edited = null; // the field that is being typed into, and must not change under the hands
  const fields = {
    time: [parseTime, (value) => player.seekFrame(player.timing.frameAt(value)), () => timeText(player.frame / player.timing.fps)],
    frame: [wholeNumber, (value) => player.seekFrame(value), () => String(player.frame)],
    step: [wholeNumber, (value) => player.seekStep(value), () => String(player.step)],
  };

  const show = () => {
    for (const [id, [, , text]] of Object.entries(fields)) {
      const input = byId(id);
      if (id === edited || input.value === text()) continue;
      input.value = text();
      if (input === document.activeElement) input.select();
    }
    byId("seek").max = player.lastFrame;
    byId("seek").value = player.frame;
    byId("seek").setAttribute("aria-valuetext", `${fields.time[2]()}, step ${player.step}`);
  };

  for (const [id, [parse, go]] of Object.entries(fields)) {
    const input = byId(id);
    for (const event of ["focus", "input"]) input.addEventListener(event, () => { edited = id; });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      const value = parse(input.value);
      input.classList.toggle("wrong", value === null);
      if (value === null) return;
      edited = null;
      player.pause();
      go(value);
      show();
      input.select();
    });
    input.addEventListener("blur", () => {
      edited = null;
      input.classList.remove("wrong");
      show();
    });
  }
  byId("seek").addEventListener("input", () => player.seekFrame(Number(byId("seek").value)));
  player.addEventListener("place", show);
  player.addEventListener("loaded", show);
}
