// Phase integrated along a maximum spanning forest: what phase/forest.py does, step by step and to the last digit.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "turns.h"

namespace {
constexpr int32_t NOWHERE = INT32_MIN;
int32_t mask(bool holds) { return holds ? -1 : 0; }

#include "steps.h"
#include "edges.h"

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

// The trees of an item, from a few frames at a time.
class Forest {
 public:
  Forest(const Strengths &own, int64_t frames_, int64_t bins_, float tol_, uint32_t *phase_)
      : strength(own), frames(frames_), bins(bins_), tol(tol_), phase(phase_), room(new int32_t[frames * bins + 2]),
        tree(room.get() + 1), edges{Edges(frames * bins), Edges(frames * bins)}, heights(4 * (bins + 2)), before(bins),
        after(bins), across(bins + 2) {
    tree[-1] = tree[frames * bins] = NOWHERE;
  }

  // The frame that comes next, and whether there is none.
  int64_t next() const { return grown < frames ? grown : bounded; }
  bool done() const { return bounded == frames; }

  // Go on to a frame: first all frames grow, and then all have borders.
  template <class Steps>
  void advance(const Steps &steps, int64_t end) {
    if (grown < frames) grow(steps, end);
    else bound(steps, end);
  }

  // Join trees across their strongest edges, for so many rounds (Boruvka), and add to each phase that of its tree. Phases
  // become radians, as floats in the same memory, where a unit of theirs is given.
  void finish(int rounds, float unit) {
    std::vector<uint32_t> between(join(rounds));
    between.push_back(0);  // of what is in no tree
    for (int64_t i = 0; i < frames * bins; i++) {
      phase[i] += between[tree[i] == NOWHERE ? between.size() - 1 : ~tree[i]];
      const float radians = (float)(int32_t)phase[i] * unit;
      if (unit) std::memcpy(phase + i, &radians, sizeof radians);
    }
  }

 private:

  // Hang each bin on its largest neighbour, if that is larger, and number the trees that this makes, as ~0, ~1, ...;
  // what is not above `tol` is in none. Phases are those relative to the root.
  template <class Steps>
  void grow(const Steps &steps, int64_t end) {
    const int64_t wide = bins + 2;  // heights of three frames and of none, between bins of none
    for (int64_t t = grown ? grown : -1; t < end; t++) {
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
#pragma GCC ivdep  // what is written to is none of what is read
      for (int64_t f = 0; f < bins; f++) {
        // the lowest three bits say where the largest is: at t - 1, t + 1, f - 1, f + 1, or 7 for the bin itself
        const int32_t high = here[f], time = std::max(below[f], above[f] | 1);
        const int32_t frequency = std::max(here[f - 1] | 2, here[f + 1] | 3);
        const int32_t way = std::max(std::max(high | 7, time), frequency) & 7, alive = mask(high != 0);
        const int32_t at0 = mask(way == 0), at1 = mask(way == 1), at2 = mask(way == 2), at3 = mask(way == 3);
        const int32_t offset = (at0 & -next) | (at1 & next) | at2 | (at3 & 1);
        own[f] = (alive & (there + (int32_t)f + offset)) | (~alive & NOWHERE);
        to_parent[f] = alive & ((at0 & earlier[f]) | (at1 & -later[f]) | (at2 & aside[f]) | (at3 & -aside[f + 1]));
      }
      before.swap(after);
      for (int64_t i = there; i < there + next; i++) {  // what hangs on earlier bins goes where these hang
        if (tree[i] == i) tree[i] = ~trees++;
        const int64_t to = (uint32_t)tree[i] < (uint64_t)i ? tree[i] : i;
        phase[i] += phase[to] & (uint32_t)mask(to != i);
        tree[i] = tree[to];
      }
    }
    grown = end;
    if (grown < frames) return;
    for (int64_t i = frames * bins - 1; i >= 0; i--) {
      const int64_t to = tree[i] < 0 ? i : tree[i];
      phase[i] += phase[to] & (uint32_t)mask(to != i);
      for (tree[i] = tree[to]; tree[i] >= 0; tree[i] = tree[tree[i]]) phase[i] += phase[tree[i]];
    }
    strengths.resize(3 * (bins + 2)), weights.resize(bins + 2), beside.resize(bins + 1), earlier.resize(bins);
    behind.resize(bins), kept.resize(bins), found.resize(bins + 1);
  }

  // Add the edges between trees, those along time and those along frequency; of two that touch, between the same trees,
  // only the stronger: the other one is never chosen. (Of equals, along one axis the first, else that along frequency.)
  template <class Steps>
  void bound(const Steps &steps, int64_t end) {
    const auto collect = [&](bool aside, int64_t t, const int32_t *weight) {
      const int64_t first = t * bins, next = aside ? 1 : bins;
      int64_t count = 0;
      for (int64_t f = 0; f + aside < bins; f++) found[count] = (int32_t)f, count -= kept[f];
      if (!count) return;
      if (aside) steps.along_frequency(t, after.data());
      else steps.along_time(t, after.data());
      for (int64_t n = 0; n < count; n++) {
        const int64_t f = found[n], i = first + f;
        edges[aside].add(i, {(uint32_t)weight[f], after[f] + phase[i] - phase[i + next]});
      }
    };
    for (int64_t t = bounded ? bounded : -1; t < end; t++) {
      const bool more = t + 1 < frames;
      const int64_t wide = bins + 2;  // between bins of no strength
      const int32_t *last = &strengths[(t + 2) % 3 * wide + 1], *now = &strengths[(t + 3) % 3 * wide + 1];
      int32_t *__restrict next = &strengths[(t + 1) % 3 * wide + 1];
      const float *magnitude = strength.magnitude + (t + 1) * bins;
      for (int64_t f = 0; more && f < bins; f++) next[f] = bits_of(magnitude[f] / strength.peak);
      if (!more) std::fill_n(next, bins, 0);
      if (t < 0) continue;
      const int32_t *here = tree + t * bins, *there = more ? here + bins : here, *ago = t ? here - bins : here;
      // whether edges are between the same trees as the next ones, in the frame and from frame to frame
      int32_t *__restrict keep = kept.data(), *__restrict same = &beside[1], *__restrict afterwards = behind.data();
      int32_t *__restrict weight = &weights[1];
      if (more) {
        for (int64_t f = 0; f < bins; f++) weight[f] = std::min(now[f], next[f]);
        for (int64_t f = 0; f + 1 < bins; f++) {
          same[f] = mask(here[f] == here[f + 1]) & mask(there[f] == there[f + 1]);
          afterwards[f] = mask(here[f] == there[f]) & mask(here[f + 1] == there[f + 1]);
        }
        same[bins - 1] = 0;
#pragma GCC ivdep
        for (int64_t f = 0; f < bins; f++) {
          const int32_t own = weight[f], weaker = same[f] & mask(own < weight[f + 1]);
          const int32_t late = same[f - 1] & mask(weight[f - 1] >= own);
          const int32_t before_it = (mask(here[f - 1] == there[f]) & mask(std::min(now[f - 1], now[f]) >= own)) |
                                    (mask(there[f - 1] == here[f]) & mask(std::min(next[f - 1], next[f]) >= own));
          const int32_t behind_it = (mask(here[f + 1] == there[f]) & mask(std::min(now[f], now[f + 1]) >= own)) |
                                    (mask(there[f + 1] == here[f]) & mask(std::min(next[f], next[f + 1]) >= own));
          const int32_t no_border = mask(here[f] == there[f]) | mask(here[f] == NOWHERE) | mask(there[f] == NOWHERE);
          keep[f] = ~(no_border | weaker | late | before_it | behind_it);
        }
        collect(false, t, weight);
      } else {
        std::fill(behind.begin(), behind.end(), 0);
      }
      const int32_t *at_last = earlier.data();
#pragma GCC ivdep
      for (int64_t f = 0; f + 1 < bins; f++) {
        const int32_t own = std::min(now[f], now[f + 1]);
        const int32_t weaker = afterwards[f] & mask(own < std::min(next[f], next[f + 1]));
        const int32_t late = at_last[f] & mask(std::min(last[f], last[f + 1]) >= own);
        const int32_t no_border = mask(here[f] == here[f + 1]) | mask(here[f] == NOWHERE) | mask(here[f + 1] == NOWHERE);
        const int32_t below = (mask(ago[f] == here[f + 1]) & mask(std::min(last[f], now[f]) > own)) |
                              (mask(ago[f + 1] == here[f]) & mask(std::min(last[f + 1], now[f + 1]) > own));
        const int32_t above = (mask(there[f] == here[f + 1]) & mask(std::min(next[f], now[f]) > own)) |
                              (mask(there[f + 1] == here[f]) & mask(std::min(next[f + 1], now[f + 1]) > own));
        keep[f] = ~(no_border | weaker | late | below | above);
        weight[f] = own;
      }
      collect(true, t, weight);
      earlier.swap(behind);
    }
    bounded = end;
  }

  // Two numbers of a tree: its parent and its phase relative to that; before, the weight and the place of an edge.
  static uint64_t both(uint32_t high, uint32_t low) { return (uint64_t)high << 32 | low; }
  static int32_t parent(uint64_t choice) { return (int32_t)(choice >> 32); }
  static uint32_t offset(uint64_t choice) { return (uint32_t)choice; }

  // Replace parents by roots, and phases relative to parents by phases relative to roots.
  static void climb(std::vector<uint64_t> &choice) {
    for (size_t i = 0; i < choice.size(); i++) {
      int32_t root = (int32_t)i;
      uint32_t sum = 0;
      for (; parent(choice[root]) != root; root = parent(choice[root])) sum += offset(choice[root]);
      for (int32_t j = (int32_t)i; j != root;) {
        const uint64_t old = choice[j];
        choice[j] = both((uint32_t)root, sum);
        sum -= offset(old), j = parent(old);
      }
    }
  }

  // Return the phase of each tree.
  std::vector<uint32_t> join(int rounds) {
    std::vector<uint32_t> between(trees);
    std::vector<uint64_t> choice(trees);
    std::vector<int32_t> group(trees);
    for (int32_t i = 0; i < trees; i++) group[i] = i;
    const int64_t count = frames * bins, ways[] = {bins, 1};
    const auto source = [&](int64_t bin) { return group[~tree[bin]]; };
    for (; rounds > 0 && !(edges[0].edges.empty() && edges[1].edges.empty()); rounds--) {
      std::fill(choice.begin(), choice.end(), 0);
      for (int side = 0; side < 2; side++)
        edges[side].each([&](int64_t bin, const Edges::Edge &edge) {
          const uint64_t key = both(edge.weight, (uint32_t)(side * count + bin + 1));
          uint64_t &one = choice[source(bin)], &other = choice[source(bin + ways[side])];
          one = std::max(one, key), other = std::max(other, key);
        });
      for (int side = 0; side < 2; side++) edges[side].number();
      for (int32_t i = 0; i < trees; i++) {
        const int64_t place = (int64_t)offset(choice[i]) - 1, side = place >= count, bin = place - side * count;
        if (place < 0) {
          choice[i] = both((uint32_t)i, 0);
          continue;
        }
        const int32_t one = source(bin), other = source(bin + ways[side]);
        const uint32_t step = edges[side].at(bin).step;
        choice[i] = one == i ? both((uint32_t)other, -step) : both((uint32_t)one, step);
      }
      for (int32_t i = 0; i < trees; i++)  // two that chose each other: the first is the root
        if (i < parent(choice[i]) && parent(choice[parent(choice[i])]) == i) choice[i] = both((uint32_t)i, 0);
      climb(choice);
      for (int side = 0; rounds > 1 && side < 2; side++)
        edges[side].keep([&](int64_t bin, Edges::Edge &edge) {
          const uint64_t one = choice[source(bin)], other = choice[source(bin + ways[side])];
          edge.step += offset(one) - offset(other);
          return parent(one) != parent(other);
        });
      for (int32_t i = 0; i < trees; i++) between[i] += offset(choice[group[i]]), group[i] = parent(choice[group[i]]);
    }
    return between;
  }

  const Strengths strength;
  const int64_t frames, bins;
  const float tol;
  uint32_t *const phase;
  const std::unique_ptr<int32_t[]> room;
  int32_t *const tree;
  Edges edges[2];
  int64_t grown = 0, bounded = 0;
  int32_t trees = 0;
  std::vector<int32_t> heights, strengths, weights, beside, earlier, behind, kept, found;
  std::vector<uint32_t> before, after, across;
};

// Each item by itself, from all of its frames.
template <class Steps>
void integrate(const float *magnitude, const float *peaks, const Steps &all, const int64_t *shape, float tol,
               int32_t rounds, float unit, uint32_t *phase) {
  const int64_t count = shape[1] * shape[2];
  for (int64_t item = 0; item < shape[0]; item++) {
    Forest forest({magnitude + item * count, peaks[item]}, shape[1], shape[2], tol, phase + item * count);
    const Steps steps = all.of(item, count);
    while (!forest.done()) forest.advance(steps, shape[1]);
    forest.finish(rounds, unit);
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

CLONES void integrate_part(Forest &forest, const Slopes &slopes, int32_t rounds, float unit) {
  const Slopes own = slopes;  // of this call alone, which loops over its floats may assume
  forest.advance(own, own.end);
  if (forest.done()) forest.finish(rounds, unit);
}

// The forest of work that is done in parts, which ends with the last one, or where anything goes wrong.
struct Held {
  Forest **place;
  bool stays = false;
  ~Held() {
    if (!stays) delete *place, *place = nullptr;
  }
};

enum Outcome : int32_t { DONE, NO_MEMORY = 2, WRONG };
}  // namespace

// Integrate steps of phase from strong bins to weak ones: `time` and `frequency` are steps or, with slopes, the
// log-magnitude, and the known steps or none; strengths are magnitudes relative to the peak of their item. `sizes` has the numbers of
// magnitudes, of peaks, of steps or logs and of phases, of carriers and of items.
extern "C" __attribute__((visibility("default"))) int32_t specinv_integrate(
    const float *magnitude, const float *peaks, const void *time, const void *frequency, const int64_t *shape, float tol,
    int32_t rounds, float unit, uint32_t *phase, const Slopes *slopes, const int64_t *sizes) try {
  Forest *none = nullptr;
  Held held{slopes && slopes->forest ? slopes->forest : &none};
  Forest *&forest = *held.place;
  const bool in_parts = held.place != &none;
  if (in_parts && slopes->end < 0) return DONE;
  int64_t count = 0;
  if (shape[0] < 1 || shape[1] < 1 || shape[2] < 1) return WRONG;
  if (__builtin_mul_overflow(shape[0], shape[1], &count) || __builtin_mul_overflow(count, shape[2], &count)) return WRONG;
  if (count > INT32_MAX || (in_parts && (shape[0] != 1 || slopes->rows < 1 || slopes->rows > shape[1]))) return WRONG;
  const int64_t logs = in_parts ? slopes->rows * shape[2] : count, steps = slopes && !slopes->known ? 0 : count;
  const int64_t needed[] = {count, shape[0], logs, steps, count, slopes ? shape[2] : 0,
                            slopes ? shape[0] : 0};
  if (!std::equal(needed, needed + 7, sizes)) return WRONG;
  const auto outside = [&](int64_t frame) { return frame < 0 || frame >= shape[1]; };
  if (slopes && std::any_of(slopes->last, slopes->last + shape[0], outside)) return WRONG;
  if (slopes && (slopes->frames != shape[1] || slopes->bins != shape[2])) return WRONG;
  if (in_parts) {
    if (!forest) forest = new Forest({magnitude, peaks[0]}, shape[1], shape[2], tol, phase);
    const int64_t from = forest->next(), low = std::max<int64_t>(from - 1, 0);
    if (slopes->end <= from || slopes->end > shape[1] || slopes->begin < 0 || slopes->begin > low) return WRONG;
    if (slopes->begin + slopes->rows < std::min(slopes->end + 1, shape[1])) return WRONG;
    integrate_part(*forest, *slopes, rounds, unit);
    held.stays = !forest->done();
    return DONE;
  }
  const Given given{(const uint32_t *)time, (const uint32_t *)frequency, shape[2]};
  if (slopes) integrate_slopes(magnitude, peaks, *slopes, shape, tol, rounds, unit, phase);
  else integrate_given(magnitude, peaks, given, shape, tol, rounds, unit, phase);
  return DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
