// Phase integrated along a maximum spanning forest: what phase/forest.py does, step by step and to the last digit.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "turns.h"

namespace {
struct Edge {  // between two trees; the phase of the target is that of the source minus `step`
  int32_t source, target;
  uint32_t weight, step;
};

constexpr int32_t NOWHERE = INT32_MIN;
int32_t mask(bool holds) { return holds ? -1 : 0; }

// Steps of phase from frame t of an item to the next one, and from each of its bins to the next one: given as tables,
struct Given {
  const uint32_t *time, *frequency;
  int64_t bins;
  Given of(int64_t item, int64_t count) const { return {time + item * count, frequency + item * count, bins}; }
  void along_time(int64_t t, uint32_t *step) const { std::copy_n(time + t * bins, bins, step); }
  void along_frequency(int64_t t, uint32_t *step) const { std::copy_n(frequency + t * bins, bins, step); }
};
// or made of slopes of the log-magnitude, as in phase/pghi.py
struct Slopes {
  const float *log;
  const uint32_t *carrier;  // of each bin
  const int64_t *last;      // frame of each item
  int64_t frames, bins, odd, even_ends;
  uint32_t delay;
  float time, frequency;
  const uint32_t *known;  // steps along time, or null: then these are slopes as well
  Slopes of(int64_t item, int64_t count) const {
    Slopes own = *this;
    own.log += item * count, own.last += item;
    if (known) own.known += item * count;
    return own;
  }
  void along_time(int64_t t, uint32_t *step) const {
    if (known) return (void)std::copy_n(known + t * bins, bins, step);
    const float *now = log + t * bins, *next = now + bins;
    std::vector<float> room(bins);  // units of the phase, beyond what the centre of the bin advances
    float *__restrict units = room.data();
    for (int64_t f = 1; f + 1 < bins; f++) units[f] = ((next[f + 1] + now[f + 1]) - (next[f - 1] + now[f - 1])) * time;
    if (const int64_t f = bins - 1; f > 0 && odd)  // the last bin is its own upper neighbour, or else has none
      units[f] = ((next[f] + now[f]) - (next[f - 1] + now[f - 1])) * time;
    std::copy_n(carrier, bins, step);
    add_units(units, bins, is_small(time), step);
  }
  void along_frequency(int64_t t, uint32_t *step) const {
    const bool first = t == 0, end = t == *last;
    std::fill_n(step, bins, delay);
    if (first || end ? even_ends || *last == 0 : t + 1 == frames) return;
    const float *next = log + (end ? t : t + 1) * bins, *before = log + (first ? t : t - 1) * bins;
    const float slope = first || end ? 2 * frequency : frequency;
    std::vector<float> room(bins);
    float *__restrict units = room.data();
    for (int64_t f = 0; f + 1 < bins; f++) units[f] = ((next[f + 1] + next[f]) - (before[f + 1] + before[f])) * slope;
    add_units(units, bins, is_small(slope), step);
  }
  static bool is_small(float slope) { return slope < 0x1p45f && slope > -0x1p45f; }
};

int32_t bits_of(float strength) {  // of positive floats they are in the order of the floats
  int32_t bits;
  std::memcpy(&bits, &strength, sizeof bits);
  return bits;
}

// The strengths of an item are magnitudes relative to its peak.
struct Strengths {
  const float *magnitude;
  float peak;
};

// Hang each bin on its largest neighbour, if that is larger, and number the trees that this makes, as ~0, ~1, ...; what
// is not above `tol` is in none. Phases are those relative to the root. Returns the number of trees.
template <class Steps>
int32_t grow(const Strengths &strength, const Steps &steps, int64_t frames, int64_t bins, float tol, int32_t *tree,
             uint32_t *phase) {
  const int64_t wide = bins + 2, count = frames * bins;
  std::vector<int32_t> heights(4 * wide);  // of three frames and of none, between bins of none
  std::vector<uint32_t> before(bins), after(bins), across(wide);
  int32_t trees = 0;
  for (int64_t t = -1; t < frames; t++) {
    int32_t *__restrict above = &heights[t + 1 < frames ? (t + 1) % 3 * wide + 1 : 3 * wide];
    if (t + 1 < frames) {
      const float *magnitude = strength.magnitude + (t + 1) * bins;
      for (int64_t f = 0; f < bins; f++) {
        const float value = magnitude[f] / strength.peak;
        above[f] = bits_of(value) & (value > tol ? ~7 : 0);
      }
    }
    if (t < 0) continue;
    if (t + 1 < frames) steps.along_time(t, after.data());
    steps.along_frequency(t, &across[1]);
    const int32_t *below = &heights[t > 0 ? (t + 2) % 3 * wide + 1 : 3 * wide], *here = &heights[t % 3 * wide + 1];
    const int32_t there = (int32_t)(t * bins), next = (int32_t)bins;
    const uint32_t *earlier = before.data(), *later = after.data(), *aside = across.data();
    int32_t *__restrict own = tree + there;
    uint32_t *__restrict to_parent = phase + there;
    for (int32_t f = 0; f < next; f++) {
      // the lowest three bits say where the largest is: at t - 1, t + 1, f - 1, f + 1, or 7 for the bin itself
      const int32_t high = here[f], time = std::max(below[f], above[f] | 1);
      const int32_t frequency = std::max(here[f - 1] | 2, here[f + 1] | 3);
      const int32_t way = std::max(std::max(high | 7, time), frequency) & 7, alive = mask(high != 0);
      const int32_t at0 = mask(way == 0), at1 = mask(way == 1), at2 = mask(way == 2), at3 = mask(way == 3);
      const int32_t offset = (at0 & -next) | (at1 & next) | at2 | (at3 & 1);
      own[f] = (alive & (there + f + offset)) | (~alive & NOWHERE);
      to_parent[f] = alive & ((at0 & earlier[f]) | (at1 & -later[f]) | (at2 & aside[f]) | (at3 & -aside[f + 1]));
    }
    before.swap(after);
    for (int32_t i = there; i < there + next; i++) {  // what hangs on earlier bins goes where these hang
      if (tree[i] == i) tree[i] = ~trees++;
      const int32_t to = (uint32_t)tree[i] < (uint32_t)i ? tree[i] : i;
      phase[i] += phase[to] & (uint32_t)mask(to != i);
      tree[i] = tree[to];
    }
  }
  for (int32_t i = (int32_t)count - 1; i >= 0; i--) {
    const int32_t to = tree[i] < 0 ? i : tree[i];
    phase[i] += phase[to] & (uint32_t)mask(to != i);
    for (tree[i] = tree[to]; tree[i] >= 0; tree[i] = tree[tree[i]]) phase[i] += phase[tree[i]];
  }
  return trees;
}

// Add the borders between trees, those along time and those along frequency; of two side by side between the same, the
// stronger.
template <class Steps>
void borders(const Strengths &strength, const Steps &steps, int64_t frames, int64_t bins, const int32_t *tree,
             const uint32_t *phase, std::vector<Edge> *edges) {
  std::vector<int32_t> strengths(3 * bins), weights(bins + 2);  // the bits of them
  // whether edges are between the same trees as the next ones, in the frame and from frame to frame
  std::vector<int32_t> beside(bins + 1), before(bins), behind(bins), kept(bins), found(bins + 1);
  std::vector<uint32_t> step(bins);
  const auto collect = [&](bool across, int64_t t, const int32_t *weight) {
    const int64_t first = t * bins, next = across ? 1 : bins;
    int64_t count = 0;
    for (int64_t f = 0; f + across < bins; f++) found[count] = (int32_t)f, count -= kept[f];
    if (!count) return;
    if (across) steps.along_frequency(t, step.data());
    else steps.along_time(t, step.data());
    for (int64_t n = 0; n < count; n++) {
      const int64_t f = found[n], i = first + f;
      edges[across].push_back({~tree[i], ~tree[i + next], (uint32_t)weight[f], step[f] + phase[i] - phase[i + next]});
    }
  };
  for (int64_t t = -1; t < frames; t++) {
    const bool more = t + 1 < frames;
    const int32_t *last = &strengths[(t + 2) % 3 * bins], *now = &strengths[(t + 3) % 3 * bins];
    int32_t *__restrict next = &strengths[(t + 1) % 3 * bins];
    for (int64_t f = 0; more && f < bins; f++) next[f] = bits_of(strength.magnitude[(t + 1) * bins + f] / strength.peak);
    if (t < 0) continue;
    const int32_t *here = tree + t * bins, *there = here + bins;
    int32_t *__restrict keep = kept.data(), *__restrict same = &beside[1], *__restrict after = behind.data();
    int32_t *__restrict weight = &weights[1];
    if (more) {
      for (int64_t f = 0; f < bins; f++) weight[f] = std::min(now[f], next[f]);
      for (int64_t f = 0; f + 1 < bins; f++) {
        same[f] = mask(here[f] == here[f + 1]) & mask(there[f] == there[f + 1]);
        after[f] = mask(here[f] == there[f]) & mask(here[f + 1] == there[f + 1]);
      }
      same[bins - 1] = 0;
      for (int64_t f = 0; f < bins; f++) {
        const int32_t weaker = same[f] & mask(weight[f] < weight[f + 1]);
        const int32_t late = same[f - 1] & mask(weight[f - 1] >= weight[f]);
        const int32_t no_border = mask(here[f] == there[f]) | mask(here[f] == NOWHERE) | mask(there[f] == NOWHERE);
        keep[f] = ~(no_border | weaker | late);
      }
      collect(false, t, weight);
    } else {
      std::fill(behind.begin(), behind.end(), 0);
    }
    const int32_t *earlier = before.data();
    for (int64_t f = 0; f + 1 < bins; f++) {
      const int32_t own = std::min(now[f], now[f + 1]);
      const int32_t weaker = after[f] & mask(own < std::min(next[f], next[f + 1]));
      const int32_t late = earlier[f] & mask(std::min(last[f], last[f + 1]) >= own);
      const int32_t no_border = mask(here[f] == here[f + 1]) | mask(here[f] == NOWHERE) | mask(here[f + 1] == NOWHERE);
      keep[f] = ~(no_border | weaker | late);
      weight[f] = own;
    }
    collect(true, t, weight);
    before.swap(behind);
  }
}

// Replace parents by roots, and phases relative to parents by phases relative to roots.
void climb(int32_t *parent, uint32_t *phase, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    int32_t root = (int32_t)i;
    uint32_t sum = 0;
    for (; parent[root] != root; root = parent[root]) sum += phase[root];
    for (int32_t j = (int32_t)i; j != root;) {
      const int32_t next = parent[j];
      const uint32_t step = phase[j];
      parent[j] = root, phase[j] = sum;
      sum -= step, j = next;
    }
  }
}

// Join trees across their strongest borders, for so many rounds (Boruvka); phases are those of the first trees.
void join(std::vector<Edge> *edges, int rounds, std::vector<uint32_t> &phase) {
  const int64_t count = (int64_t)phase.size();
  std::vector<int32_t> group(count), parent(count);
  std::vector<uint32_t> offset(count);
  for (int64_t i = 0; i < count; i++) group[i] = (int32_t)i;
  for (; rounds > 0 && (!edges[0].empty() || !edges[1].empty()); rounds--) {
    std::vector<uint64_t> top(count);  // the weight, and one more than the number
    uint64_t number = 0;
    for (int side = 0; side < 2; side++)
      for (const Edge &edge : edges[side]) {
        const uint64_t key = (uint64_t)edge.weight << 32 | ++number;
        top[edge.source] = std::max(top[edge.source], key);
        top[edge.target] = std::max(top[edge.target], key);
      }
    for (int64_t i = 0; i < count; i++) {
      const size_t best = (size_t)(top[i] & 0xffffffff) - 1, first = edges[0].size();
      const Edge edge = !top[i] ? Edge{(int32_t)i, (int32_t)i, 0, 0} : best < first ? edges[0][best] : edges[1][best - first];
      parent[i] = edge.source == i ? edge.target : edge.source;
      offset[i] = edge.source == i ? -edge.step : edge.step;
    }
    for (int64_t i = 0; i < count; i++)  // two that chose each other: the first is the root
      if (i < parent[i] && parent[parent[i]] == i) parent[i] = (int32_t)i, offset[i] = 0;
    climb(parent.data(), offset.data(), count);
    for (int64_t i = 0; i < count; i++) phase[i] += offset[group[i]], group[i] = parent[group[i]];
    for (int side = 0; side < 2; side++) {
      auto kept = edges[side].begin();
      for (const Edge &e : edges[side]) {
        *kept = {parent[e.source], parent[e.target], e.weight, e.step + offset[e.source] - offset[e.target]};
        kept += kept->source != kept->target;
      }
      edges[side].erase(kept, edges[side].end());
    }
  }
}

// Each item by itself. Phases become radians, as floats in the same memory, where a unit of theirs is given.
template <class Steps>
inline void integrate(const float *magnitude, const float *peaks, const Steps &all, const int64_t *shape, float tol,
               int32_t rounds, float unit, uint32_t *phase) {
  const int64_t count = shape[1] * shape[2];
  std::vector<int32_t> tree(count);
  std::vector<Edge> edges[2];
  for (int64_t item = 0; item < shape[0]; item++, phase += count) {
    const Strengths strength{magnitude + item * count, peaks[item]};
    const Steps steps = all.of(item, count);
    std::vector<uint32_t> between(grow(strength, steps, shape[1], shape[2], tol, tree.data(), phase));
    for (auto &side : edges) side.clear(), side.reserve(count * 3 / 8);  // memory that is not used costs nothing
    borders(strength, steps, shape[1], shape[2], tree.data(), phase, edges);
    join(edges, rounds, between);
    between.push_back(0);  // of what is in no tree
    for (int64_t i = 0; i < count; i++) {
      phase[i] += between[tree[i] == NOWHERE ? between.size() - 1 : ~tree[i]];
      const float radians = (float)(int32_t)phase[i] * unit;
      if (unit) std::memcpy(phase + i, &radians, sizeof radians);
    }
  }
}

CLONES void integrate_slopes(const float *magnitude, const float *peaks, const Slopes &slopes, const int64_t *shape, float tol,
                             int32_t rounds, float unit, uint32_t *phase) {
  integrate(magnitude, peaks, slopes, shape, tol, rounds, unit, phase);
}
CLONES void integrate_given(const float *magnitude, const float *peaks, const Given &steps, const int64_t *shape, float tol,
                            int32_t rounds, float unit, uint32_t *phase) {
  integrate(magnitude, peaks, steps, shape, tol, rounds, unit, phase);
}

enum Outcome : int32_t { DONE, NO_MEMORY = 2, WRONG };
}  // namespace

// Integrate steps of phase from strong bins to weak ones: `time` and `frequency` are steps or, with slopes, the
// log-magnitude, and the known steps or none; strengths are magnitudes relative to the peak of their item. `sizes` has the numbers of
// magnitudes, of peaks, of steps or logs and of phases, of carriers and of items.
extern "C" __attribute__((visibility("default"))) int32_t specinv_integrate(
    const float *magnitude, const float *peaks, const void *time, const void *frequency, const int64_t *shape, float tol,
    int32_t rounds, float unit, uint32_t *phase, const Slopes *slopes, const int64_t *sizes) try {
  int64_t count = 0;
  if (shape[0] < 1 || shape[1] < 1 || shape[2] < 1) return WRONG;
  if (__builtin_mul_overflow(shape[0], shape[1], &count) || __builtin_mul_overflow(count, shape[2], &count)) return WRONG;
  const int64_t needed[] = {count, shape[0], count, slopes && !slopes->known ? 0 : count, count, slopes ? shape[2] : 0,
                            slopes ? shape[0] : 0};
  if (count > INT32_MAX || !std::equal(needed, needed + 7, sizes)) return WRONG;
  const auto outside = [&](int64_t frame) { return frame < 0 || frame >= shape[1]; };
  if (slopes && std::any_of(slopes->last, slopes->last + shape[0], outside)) return WRONG;
  if (slopes && (slopes->frames != shape[1] || slopes->bins != shape[2])) return WRONG;
  const Given given{(const uint32_t *)time, (const uint32_t *)frequency, shape[2]};
  if (slopes) integrate_slopes(magnitude, peaks, *slopes, shape, tol, rounds, unit, phase);
  else integrate_given(magnitude, peaks, given, shape, tol, rounds, unit, phase);
  return DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
