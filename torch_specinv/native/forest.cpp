// Phase integrated along a maximum spanning forest: what phase/forest.py does, step by step and to the last digit.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace {
struct Edge {  // between two trees; the phase of the target is that of the source minus `step`
  int32_t source, target;
  uint32_t weight, step;
};

constexpr int32_t NOWHERE = INT32_MIN;

uint32_t bits_of(float strength) {
  uint32_t bits;
  std::memcpy(&bits, &strength, sizeof bits);  // of positive floats they are in the order of the floats
  return bits;
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

// Steps of phase at bin f of frame t, the i-th of all: given as tables,
struct Given {
  const uint32_t *time, *frequency;
  uint32_t along_time(int64_t i, int64_t, int64_t) const { return time[i]; }
  uint32_t along_frequency(int64_t i, int64_t, int64_t, int64_t) const { return frequency[i]; }
};
// or made of slopes of the log-magnitude, as in phase/pghi.py
struct Slopes {
  const float *log;
  const uint32_t *carrier;  // of each bin
  const int64_t *last;      // frame of each item
  int64_t frames, bins, odd, even_ends;
  uint32_t delay;
  float time, frequency;
  static uint32_t fixed(float units) { return (uint32_t)(int64_t)units; }
  uint32_t along_time(int64_t i, int64_t, int64_t f) const {
    const bool end = f + 1 == bins;  // a bin that is its own upper neighbour, or that has none
    if (f == 0 || (end && !odd)) return carrier[f];
    const float above = log[i + bins + !end] + log[i + !end], below = log[i + bins - 1] + log[i - 1];
    return carrier[f] + fixed((above - below) * time);
  }
  uint32_t along_frequency(int64_t i, int64_t item, int64_t t, int64_t) const {
    const bool first = t == 0, end = t == last[item];
    if (first || end ? even_ends || last[item] == 0 : t + 1 == frames) return delay;
    const int64_t next = end ? i : i + bins, before = first ? i : i - bins;
    const float rise = (log[next + 1] + log[next]) - (log[before + 1] + log[before]);
    return delay + fixed(rise * (first || end ? 2 * frequency : frequency));
  }
};

// Hang each bin on its largest neighbour, if that is larger; what is not alive stays alone. The lowest three bits say
// where that is: at t - 1, t + 1, f - 1, f + 1, or, as 7, that it is the bin itself.
template <class Steps>
void ascend(const float *strength, const Steps &steps, const int64_t *shape, float tol, int32_t *parent,
            uint32_t *phase) {
  const int64_t frames = shape[1], bins = shape[2], there[4] = {-bins, bins, -1, 1}, wide = bins + 2;
  std::vector<uint32_t> heights(4 * wide), best(bins);  // of three frames and of none, between bins of none
  for (int64_t item = 0, i = 0; item < shape[0]; item++)
    for (int64_t t = -1; t < frames; t++) {
      uint32_t *above = &heights[t + 1 < frames ? (t + 1) % 3 * wide + 1 : 3 * wide];
      for (int64_t f = 0; f < bins && t + 1 < frames; f++) {
        const float value = strength[i + f + (t < 0 ? 0 : bins)];
        above[f] = value > tol ? bits_of(value) & ~7u : 0;
      }
      if (t < 0) continue;
      const uint32_t *below = &heights[t > 0 ? (t + 2) % 3 * wide + 1 : 3 * wide], *here = &heights[t % 3 * wide + 1];
      for (int64_t f = 0; f < bins; f++) {
        const uint32_t along = std::max(below[f], above[f] | 1), across = std::max(here[f - 1] | 2, here[f + 1] | 3);
        best[f] = here[f] ? std::max(std::max(here[f] | 7, along), across) & 7 : 7;
      }
      for (int64_t f = 0; f < bins; f++, i++) {
        const uint32_t way = best[f];
        const int64_t to = way < 4 ? i + there[way] : i, lower = std::min(i, to);
        parent[i] = (int32_t)to;
        phase[i] = way > 3 ? 0 : way < 2 ? steps.along_time(lower, t - (way == 0), f)
                                         : steps.along_frequency(lower, item, t, f);
        if (way % 2) phase[i] = -phase[i];
      }
    }
}

// Replace roots by the numbers of their trees, and count these; what is not alive is in none.
int32_t number_trees(const float *strength, int64_t count, float tol, int32_t *root) {
  int32_t trees = 0;
  for (int64_t i = 0; i < count; i++)
    if (root[i] == i) root[i] = strength[i] > tol ? ~trees++ : NOWHERE;
  for (int64_t i = 0; i < count; i++) root[i] = root[i] < 0 ? root[i] : root[root[i]];
  return trees;
}

// The borders between basins, first those along time; of two side by side between the same, the stronger.
template <class Steps>
std::vector<Edge> borders(const float *strength, const Steps &steps, const int64_t *shape, const int32_t *tree,
                          const uint32_t *phase) {
  const int64_t frames = shape[1], bins = shape[2];
  std::vector<Edge> edges[2];
  int64_t item = 0, i = 0, t = 0, f = 0;
  const auto look = [&](bool along_time, int64_t next, int64_t side, bool before, bool behind) {
    const auto weight = [&](int64_t j) { return std::min(strength[j], strength[j + next]); };
    const auto same = [&](int64_t j) { return tree[i] == tree[j] && tree[i + next] == tree[j + next]; };
    if (tree[i + next] == NOWHERE || (behind && same(i + side) && weight(i) < weight(i + side))) return;
    if (before && same(i - side) && !(weight(i - side) < weight(i))) return;
    const uint32_t step = along_time ? steps.along_time(i, t, f) : steps.along_frequency(i, item, t, f);
    edges[!along_time].push_back({~tree[i], ~tree[i + next], bits_of(weight(i)), step + phase[i] - phase[i + next]});
  };
  for (; item < shape[0]; item++)
    for (t = 0; t < frames; t++)
      for (f = 0; f < bins; f++, i++) {
        if (tree[i] == NOWHERE) continue;
        if (t + 1 < frames && tree[i] != tree[i + bins]) look(true, bins, 1, f > 0, f + 1 < bins);
        if (f + 1 < bins && tree[i] != tree[i + 1]) look(false, 1, bins, t > 0, t + 1 < frames);
      }
  edges[0].insert(edges[0].end(), edges[1].begin(), edges[1].end());
  return std::move(edges[0]);
}

// Join trees across their strongest borders, for so many rounds (Boruvka); phases are those of the first trees.
void join(std::vector<Edge> &edges, int rounds, std::vector<uint32_t> &phase) {
  const int64_t count = (int64_t)phase.size();
  std::vector<int32_t> group(count), parent(count);
  std::vector<uint32_t> offset(count);
  for (int64_t i = 0; i < count; i++) group[i] = (int32_t)i;
  for (; rounds > 0 && !edges.empty(); rounds--) {
    std::vector<uint64_t> top(count);  // the weight, and one more than the number
    for (size_t i = 0; i < edges.size(); i++) {
      const uint64_t key = (uint64_t)edges[i].weight << 32 | (i + 1);
      top[edges[i].source] = std::max(top[edges[i].source], key);
      top[edges[i].target] = std::max(top[edges[i].target], key);
    }
    for (int64_t i = 0; i < count; i++) {
      const Edge edge = top[i] ? edges[(top[i] & 0xffffffff) - 1] : Edge{(int32_t)i, (int32_t)i, 0, 0};
      parent[i] = edge.source == i ? edge.target : edge.source;
      offset[i] = edge.source == i ? -edge.step : edge.step;
    }
    for (int64_t i = 0; i < count; i++)  // two that chose each other: the first is the root
      if (i < parent[i] && parent[parent[i]] == i) parent[i] = (int32_t)i, offset[i] = 0;
    climb(parent.data(), offset.data(), count);
    for (int64_t i = 0; i < count; i++) phase[i] += offset[group[i]], group[i] = parent[group[i]];
    for (Edge &edge : edges)
      edge = {parent[edge.source], parent[edge.target], edge.weight, edge.step + offset[edge.source] - offset[edge.target]};
    edges.erase(std::remove_if(edges.begin(), edges.end(), [](const Edge &e) { return e.source == e.target; }), edges.end());
  }
}

template <class Steps>
void integrate(const float *strength, const Steps &steps, const int64_t *shape, float tol, int32_t rounds,
               uint32_t *phase) {
  const int64_t count = shape[0] * shape[1] * shape[2];
  const std::unique_ptr<int32_t[]> tree(new int32_t[count]);
  ascend(strength, steps, shape, tol, tree.get(), phase);
  climb(tree.get(), phase, count);
  std::vector<uint32_t> between(number_trees(strength, count, tol, tree.get()));
  std::vector<Edge> edges = borders(strength, steps, shape, tree.get(), phase);
  join(edges, rounds, between);
  for (int64_t i = 0; i < count; i++)
    if (tree[i] != NOWHERE) phase[i] += between[~tree[i]];
}

enum Outcome : int32_t { DONE, NO_MEMORY = 2, WRONG };
}  // namespace

// Integrate steps of phase from strong bins to weak ones: `time` and `frequency` are steps or, with slopes, the
// log-magnitude and none. `sizes` has the numbers of strengths, of steps or logs and of phases, of carriers and of items.
extern "C" __attribute__((visibility("default"))) int32_t specinv_integrate(
    const float *strength, const void *time, const void *frequency, const int64_t *shape, float tol, int32_t rounds,
    uint32_t *phase, const Slopes *slopes, const int64_t *sizes) try {
  int64_t count = 0;
  if (shape[0] < 1 || shape[1] < 1 || shape[2] < 1) return WRONG;
  if (__builtin_mul_overflow(shape[0], shape[1], &count) || __builtin_mul_overflow(count, shape[2], &count)) return WRONG;
  const int64_t needed[] = {count, count, slopes ? 0 : count, count, slopes ? shape[2] : 0, slopes ? shape[0] : 0};
  if (count > INT32_MAX || !std::equal(needed, needed + 6, sizes)) return WRONG;
  const auto outside = [&](int64_t frame) { return frame < 0 || frame >= shape[1]; };
  if (slopes && std::any_of(slopes->last, slopes->last + shape[0], outside)) return WRONG;
  if (slopes) integrate(strength, *slopes, shape, tol, rounds, phase);
  else integrate(strength, Given{(const uint32_t *)time, (const uint32_t *)frequency}, shape, tol, rounds, phase);
  return DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
