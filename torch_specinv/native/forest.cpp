// Phase integrated along a maximum spanning forest: what phase/forest.py does, step by step and to the last digit.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace {
struct Edge {  // between two trees; the phase of the target is that of the source minus `step`
  int32_t source, target;
  uint32_t weight, step;
};

uint32_t bits_of(float strength) {
  uint32_t bits;
  std::memcpy(&bits, &strength, sizeof bits);  // of positive floats they are in the order of the floats
  return bits;
}

template <class Visit> void each_bin(const int64_t *shape, Visit visit) {
  int64_t i = 0;
  for (int64_t item = 0; item < shape[0]; item++)
    for (int64_t t = 0; t < shape[1]; t++)
      for (int64_t f = 0; f < shape[2]; f++) visit(i++, t, f);
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

// Hang each bin on its largest neighbour, if that is larger; what is not alive stays alone. The lowest three bits say
// where that is: at t - 1, t + 1, f - 1, f + 1, or, as 7, that it is the bin itself.
void ascend(const float *strength, const uint32_t *time, const uint32_t *frequency, const int64_t *shape, float tol,
            int32_t *parent, uint32_t *phase) {
  const int64_t frames = shape[1], bins = shape[2];
  const int64_t there[8] = {-bins, bins, -1, 1, 0, 0, 0, 0}, lower[8] = {-bins, 0, -1, 0, 0, 0, 0, 0};
  const uint32_t sign[8] = {1, ~0u, 1, ~0u, 0, 0, 0, 0};
  std::vector<uint32_t> height(shape[0] * frames * bins);
  for (size_t i = 0; i < height.size(); i++) height[i] = strength[i] > tol ? bits_of(strength[i]) & ~7u : 0;
  each_bin(shape, [&](int64_t i, int64_t t, int64_t f) {
    uint32_t best = height[i] | 7;
    if (t > 0) best = std::max(best, height[i - bins]);
    if (t + 1 < frames) best = std::max(best, height[i + bins] | 1);
    if (f > 0) best = std::max(best, height[i - 1] | 2);
    if (f + 1 < bins) best = std::max(best, height[i + 1] | 3);
    const uint32_t way = height[i] ? best & 7 : 7;
    parent[i] = (int32_t)(i + there[way]);
    phase[i] = sign[way] * (way < 2 ? time : frequency)[i + lower[way]];
  });
}

// Add the borders between basins along one axis; of two side by side between the same, the stronger.
void borders(const float *strength, const uint32_t *steps, const int64_t *shape, float tol, bool along_time,
             const int32_t *root, const uint32_t *phase, const int32_t *number, std::vector<Edge> &edges) {
  const int64_t frames = shape[1], bins = shape[2];
  const int64_t next = along_time ? bins : 1, side = along_time ? 1 : bins;
  const auto weight = [&](int64_t i) { return std::min(strength[i], strength[i + next]); };
  const auto same = [&](int64_t i, int64_t j) { return root[i] == root[j] && root[i + next] == root[j + next]; };
  each_bin(shape, [&](int64_t i, int64_t t, int64_t f) {
    if (along_time ? t + 1 == frames : f + 1 == bins) return;
    if (root[i] == root[i + next] || !(strength[i] > tol) || !(strength[i + next] > tol)) return;
    const bool before = along_time ? f > 0 : t > 0, behind = along_time ? f + 1 < bins : t + 1 < frames;
    if (behind && same(i, i + side) && weight(i) < weight(i + side)) return;
    if (before && same(i, i - side) && !(weight(i - side) < weight(i))) return;
    edges.push_back({number[root[i]], number[root[i + next]], bits_of(weight(i)), steps[i] + phase[i] - phase[i + next]});
  });
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

enum Outcome : int32_t { DONE, NO_MEMORY = 2, WRONG };
}  // namespace

// Integrate steps of phase from strong bins to weak ones. `sizes` has the numbers of strengths, of steps along time and
// along frequency, and of phases that there are.
extern "C" __attribute__((visibility("default"))) int32_t specinv_integrate(
    const float *strength, const uint32_t *along_time, const uint32_t *along_frequency, const int64_t *shape, float tol,
    int32_t rounds, uint32_t *phase, const int64_t *sizes) try {
  int64_t count = 0;
  if (shape[0] < 1 || shape[1] < 1 || shape[2] < 1) return WRONG;
  if (__builtin_mul_overflow(shape[0], shape[1], &count) || __builtin_mul_overflow(count, shape[2], &count)) return WRONG;
  if (count > INT32_MAX || std::any_of(sizes, sizes + 4, [=](int64_t size) { return size != count; })) return WRONG;
  std::vector<int32_t> root(count), number(count);
  std::vector<Edge> edges;
  ascend(strength, along_time, along_frequency, shape, tol, root.data(), phase);
  climb(root.data(), phase, count);
  int32_t trees = 0;
  for (int64_t i = 0; i < count; i++)
    if (root[i] == i && strength[i] > tol) number[i] = trees++;
  borders(strength, along_time, shape, tol, true, root.data(), phase, number.data(), edges);
  borders(strength, along_frequency, shape, tol, false, root.data(), phase, number.data(), edges);
  std::vector<uint32_t> between(trees);
  join(edges, rounds, between);
  for (int64_t i = 0; i < count; i++)
    if (strength[i] > tol) phase[i] += between[number[root[i]]];
  return DONE;
} catch (const std::bad_alloc &) {
  return NO_MEMORY;
}
