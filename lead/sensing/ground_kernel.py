"""The compiled part of telling the ground: points dealt out to centres and sectors, planes in double precision.

These are some three million simple steps per tick, for which NumPy needs thousands of small calls and ten times as
long. Warp compiles them once per machine and keeps the result in its cache.
"""

from __future__ import annotations

import warp as wp

from lead.geometry.warp_runtime import initialise_warp

SCRATCH_PER_POINT = 31
"""Doubles per point that the kernel needs: sorting 2, sorted points 4, a centre's points 3, 32 centres' indices 16 and
sectors 4, indices in a sector 1; one to spare for rounding."""


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
# Sums over several points at once need the freedom to add in another order.
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
            double tolerance = iteration == 0 ? rules.seed_tolerance_m : rules.plane_tolerance_m;
            {
                #pragma clang fp reassociate(on)
                for (int k = 0; k < size; ++k) {
                    double above = (pz[k] - plane[0] * px[k] - plane[1] * py[k] - plane[2]) * plane[3];
                    double away = iteration == 0 ? fabs(pz[k]) : above;
                    double w = away < tolerance ? 1.0 : 0.0, wx = w * px[k], wy = w * py[k];
                    s[0] += wx * px[k]; s[1] += wx * py[k]; s[2] += wx; s[3] += wy * py[k]; s[4] += wy; s[5] += w;
                    s[6] += wx * pz[k]; s[7] += wy * pz[k]; s[8] += w * pz[k];
                }
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
# Three rounds of 11 bits sort heights as float32; what float32 cannot tell apart is put in order afterwards.
_SORT = """
    struct Point { double x, y, z; long long number; };
    const double* z = given.data + 2 * count;
    unsigned long long* keys = (unsigned long long*)scratch.data;
    unsigned long long* sorted = keys + count;
    int starts[3][2048] = {{0}};
    for (int i = 0; i < count; ++i) {
        union { float value; unsigned bits; } height;
        height.value = (float)z[i];
        unsigned key = height.bits ^ (height.bits >> 31 ? 0xffffffffu : 0x80000000u);
        keys[i] = (unsigned long long)key << 32 | (unsigned)i;
        for (int d = 0; d < 3; ++d) ++starts[d][key >> 11 * d & 2047];
    }
    for (int d = 0; d < 3; ++d) {
        for (int b = 0, sum = 0; b < 2048; ++b) { int own = starts[d][b]; starts[d][b] = sum; sum += own; }
        for (int i = 0; i < count; ++i) sorted[starts[d][keys[i] >> (32 + 11 * d) & 2047]++] = keys[i];
        unsigned long long* swapped = keys; keys = sorted; sorted = swapped;
    }
    Point* points = (Point*)(scratch.data + 2 * count);
    for (int i = 0; i < count; ++i) {
        int own = (int)(unsigned)keys[i], to = i;
        for (; to > 0 && points[to - 1].z > z[own]; --to) points[to] = points[to - 1];
        points[to] = {given.data[own], given.data[count + own], z[own], own};
    }
"""
# Which centres a point belongs to is told in single precision first, for eight centres at a time, and then exactly.
_DEAL = """
    int taken[32] = {0}, near_count[32] = {0}, place[32][9] = {{0}};
    double cx[32], cy[32];
    float near_x[32], near_y[32];
    for (int c = 0; c < 32; ++c) {
        cx[c] = c < centre_count ? centres.data[2 * c] : 1e9;
        cy[c] = c < centre_count ? centres.data[2 * c + 1] : 1e9;
        near_x[c] = (float)cx[c]; near_y[c] = (float)cy[c];
    }
    const float reach = (float)rules.outer_m + 0.001f;
    for (int i = 0; i < count; ++i) {
        const double x = points[i].x, y = points[i].y;
        const float about_x = (float)x, about_y = (float)y;
        unsigned within = 0;
        for (unsigned c = 0; c < 32; ++c)
            within |= (unsigned)(fabsf(about_x - near_x[c]) + fabsf(about_y - near_y[c]) < reach) << c;
        for (; within; within &= within - 1) {
            int c = __builtin_ctz(within);
            double dx = x - cx[c], dy = y - cy[c], away = fabs(dx) + fabs(dy);
            int octant = (fabs(dy) >= fabs(dx)) * 4 + (dx < 0.0) * 2 + (dy < 0.0);
            int is_taken = (away > rules.inner_m) & (away < rules.outer_m);
            near_count[c] += away < rules.near_m;
            member[c * count + taken[c]] = i;
            sector[c * count + taken[c]] = (unsigned char)octant;
            taken[c] += is_taken;
            place[c][octant + 1] += is_taken;
        }
    }
"""
# Points are dealt out to centres, then those of a centre to its sectors, both times in ascending height.
_SNIPPET = f"""
    {_SORT}
    double* px = scratch.data + 6 * count;
    double* py = px + count;
    double* pz = py + count;
    int* index = (int*)(pz + count);
    int* member = index + count;
    unsigned char* sector = (unsigned char*)(member + 32 * count);
    unsigned char* is_ground = marked.data;
    {_PLANE}
    {_SECTOR}
    {_DEAL}
    for (int c = 0; c < centre_count; ++c) {{
        if (near_count[c] < rules.least_near_points) continue;
        int* to = place[c];
        for (int s = 0; s < 8; ++s) to[s + 1] += to[s];
        for (int k = c * count; k < c * count + taken[c]; ++k) {{
            const Point point = points[member[k]];
            int free = to[sector[k]]++;
            px[free] = point.x - cx[c]; py[free] = point.y - cy[c]; pz[free] = point.z; index[free] = (int)point.number;
        }}
        for (int s = 0, start = 0; s < 8; start = to[s++])
            if (to[s] - start >= rules.lowest_points)
                mark_sector(px + start, py + start, pz + start, index + start, to[s] - start);
    }}
"""


@wp.func_native(_SNIPPET)
def _mark_ground(
    given: wp.array(dtype=wp.float64, ndim=2),
    count: int,
    centres: wp.array(dtype=wp.float64, ndim=2),
    centre_count: int,
    rules: Rules,
    scratch: wp.array(dtype=wp.float64),
    marked: wp.array(dtype=wp.uint8),
) -> None: ...


@wp.kernel(enable_backward=False)
def mark_ground(
    given: wp.array(dtype=wp.float64, ndim=2),
    count: int,
    centres: wp.array(dtype=wp.float64, ndim=2),
    centre_count: int,
    rules: Rules,
    scratch: wp.array(dtype=wp.float64),
    marked: wp.array(dtype=wp.uint8),
) -> None:
    """Mark ground among points (x, y and z in rows); at most 32 centres."""
    _mark_ground(given, count, centres, centre_count, rules, scratch, marked)


initialise_warp()
