"""The compiled part of telling the ground: points dealt out to centres and sectors, planes in double precision.

These are some three million simple steps per tick, for which NumPy needs thousands of small calls and five times as
long. Warp compiles them once per machine and keeps the result in its cache.
"""

from __future__ import annotations

import warp as wp

from lead.geometry.warp_runtime import initialise_warp


@wp.struct
class Rules:
    """Parameters of the method, see :mod:`lead.sensing.ground`."""

    near_m: wp.float64
    inner_m: wp.float64
    outer_m: wp.float64
    least_near_points: wp.int32
    lowest_points: wp.int32
    seed_tolerance_m: wp.float64
    least_seeds: wp.int32
    plane_tolerance_m: wp.float64
    iterations: wp.int32
    low_fraction: wp.float64
    singular: wp.float64
    ridge: wp.float64


# The normal equations of a plane are symmetric: LDL'. Where all points lie in a line, a ridge keeps them solvable; the
# plane is then nearly the flattest one through them. Sums s: xx xy x yy y n, then xz yz z.
_PLANE = """
    auto solve = [&rules](const double* s, double* plane) {
        double a = s[0], d = s[3], f = s[5], l10, l20, d1, l21, d2;
        for (int attempt = 0; attempt < 2; ++attempt) {
            l10 = s[1] / a; l20 = s[2] / a;
            d1 = d - l10 * s[1];
            l21 = (s[4] - l20 * s[1]) / d1;
            d2 = f - l20 * s[2] - l21 * l21 * d1;
            if (d1 > rules.singular * d && d2 > rules.singular * f) break;
            double ridge = rules.ridge * (s[0] + s[3] + s[5]);
            a = s[0] + ridge; d = s[3] + ridge; f = s[5] + ridge;
        }
        double y1 = s[7] - l10 * s[6];
        plane[2] = (s[8] - l20 * s[6] - l21 * y1) / d2;
        plane[1] = y1 / d1 - l21 * plane[2];
        plane[0] = s[6] / a - l10 * plane[1] - l20 * plane[2];
        plane[3] = 1.0 / sqrt(1.0 + plane[0] * plane[0] + plane[1] * plane[1]);
    };
"""
_SECTOR = """
    auto mark_sector = [&](double* px, double* py, double* pz, const int* index, int size) {
        int middle = rules.lowest_points / 2;
        double level = 0.5 * (pz[middle - 1] + pz[middle]);
        for (int k = 0; k < size; ++k) pz[k] -= level;
        double place = rules.low_fraction * (size - 1);
        int below = (int)place;
        double low = pz[below] + (place - below) * (pz[below + 1] - pz[below]);
        double plane[4] = {0.0, 0.0, 0.0, 1.0};
        for (int iteration = 0; iteration < rules.iterations; ++iteration) {
            double s[9] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
            for (int k = 0; k < size; ++k) {
                double above = (pz[k] - plane[0] * px[k] - plane[1] * py[k] - plane[2]) * plane[3];
                bool belongs = iteration == 0 ? fabs(pz[k]) < rules.seed_tolerance_m : above < rules.plane_tolerance_m;
                double w = belongs ? 1.0 : 0.0, wx = w * px[k], wy = w * py[k];
                s[0] += wx * px[k]; s[1] += wx * py[k]; s[2] += wx; s[3] += wy * py[k]; s[4] += wy; s[5] += w;
                s[6] += wx * pz[k]; s[7] += wy * pz[k]; s[8] += w * pz[k];
            }
            if (iteration == 0 && s[5] < rules.least_seeds) return;
            solve(s, plane);
        }
        for (int k = 0; k < size; ++k) {
            double above = (pz[k] - plane[0] * px[k] - plane[1] * py[k] - plane[2]) * plane[3];
            if (above < rules.plane_tolerance_m || pz[k] < low) is_ground[index[k]] = 1;
        }
    };
"""
# Points are dealt out to centres, then those of a centre to its sectors, both times in ascending height.
_SNIPPET = f"""
    const double* x = points.data;
    const double* y = x + count;
    const double* z = y + count;
    unsigned char* is_ground = marked.data;
    {_PLANE}
    {_SECTOR}
    const int sector_of_octant[8] = {{4, 3, 7, 0, 5, 2, 6, 1}};
    int taken[32] = {{0}}, near_count[32] = {{0}};
    double cx[32], cy[32];
    for (int c = 0; c < centre_count; ++c) {{ cx[c] = centres.data[2 * c]; cy[c] = centres.data[2 * c + 1]; }}
    for (int i = 0; i < count; ++i) {{
        unsigned within = 0;
        for (int c = 0; c < centre_count; ++c)
            within |= (unsigned)(fabs(x[i] - cx[c]) + fabs(y[i] - cy[c]) < rules.outer_m) << c;
        for (; within; within &= within - 1) {{
            int c = __builtin_ctz(within);
            double away = fabs(x[i] - cx[c]) + fabs(y[i] - cy[c]);
            near_count[c] += away < rules.near_m;
            member.data[c * count + taken[c]] = i;
            taken[c] += away > rules.inner_m;
        }}
    }}
    double* px = ordered.data;
    double* py = px + count;
    double* pz = py + count;
    int* index = member.data + centre_count * count;
    unsigned char* sector = (unsigned char*)(index + count);
    for (int c = 0; c < centre_count; ++c) {{
        if (near_count[c] < rules.least_near_points) continue;
        const int* own = member.data + c * count;
        int place[9] = {{0}};
        for (int k = 0; k < taken[c]; ++k) {{
            double dx = x[own[k]] - cx[c], dy = y[own[k]] - cy[c];
            sector[k] = sector_of_octant[(fabs(dy) >= fabs(dx)) * 4 + (dx < 0.0) * 2 + (dy < 0.0)];
            ++place[sector[k] + 1];
        }}
        for (int s = 0; s < 8; ++s) place[s + 1] += place[s];
        for (int k = 0; k < taken[c]; ++k) {{
            int i = own[k], to = place[sector[k]]++;
            px[to] = x[i] - cx[c]; py[to] = y[i] - cy[c]; pz[to] = z[i]; index[to] = i;
        }}
        for (int s = 0, start = 0; s < 8; start = place[s++])
            if (place[s] - start >= rules.lowest_points)
                mark_sector(px + start, py + start, pz + start, index + start, place[s] - start);
    }}
"""


@wp.func_native(_SNIPPET)
def _mark_ground(
    points: wp.array(dtype=wp.float64, ndim=2),
    count: int,
    centres: wp.array(dtype=wp.float64, ndim=2),
    centre_count: int,
    rules: Rules,
    member: wp.array(dtype=wp.int32),
    ordered: wp.array(dtype=wp.float64),
    marked: wp.array(dtype=wp.uint8),
) -> None: ...


@wp.kernel(enable_backward=False)
def mark_ground(
    points: wp.array(dtype=wp.float64, ndim=2),
    count: int,
    centres: wp.array(dtype=wp.float64, ndim=2),
    centre_count: int,
    rules: Rules,
    member: wp.array(dtype=wp.int32),
    ordered: wp.array(dtype=wp.float64),
    marked: wp.array(dtype=wp.uint8),
) -> None:
    """Mark ground among points (x, y and z in rows) in ascending height; ``member`` and ``ordered`` are scratch."""
    _mark_ground(points, count, centres, centre_count, rules, member, ordered, marked)


initialise_warp()
