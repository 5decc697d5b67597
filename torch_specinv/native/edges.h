// Edges between trees, as forest.cpp keeps them: eight bytes for each. It includes this file.
// Which bins have an edge to the next one along an axis, and what is known of each, in their order.
struct Edges {
  struct Edge {  // the phase of the target's tree is that of the source's minus `step`
    uint32_t weight, step;
  };
  std::vector<uint64_t> places;  // a bit for each bin
  std::vector<uint32_t> before;  // how many edges come before those of 64 bins
  std::vector<Edge> edges;

  explicit Edges(int64_t count) : places(count / 64 + 1) { edges.reserve(count / 4); }  // not used, not there
  void add(int64_t bin, Edge edge) {
    places[bin / 64] |= (uint64_t)1 << bin % 64;
    edges.push_back(edge);
  }
  void number() {
    before.resize(places.size());
    uint32_t sum = 0;
    for (size_t word = 0; word < places.size(); word++) {
      before[word] = sum;
      sum += (uint32_t)__builtin_popcountll(places[word]);
    }
  }
  const Edge &at(int64_t bin) const {
    const uint64_t earlier = places[bin / 64] & (((uint64_t)1 << bin % 64) - 1);
    return edges[before[bin / 64] + (size_t)__builtin_popcountll(earlier)];
  }
  template <class Use>
  void each(const Use &use) const {
    const Edge *edge = edges.data();
    for (size_t word = 0; word < places.size(); word++)
      for (uint64_t bits = places[word]; bits; bits &= bits - 1) use((int64_t)word * 64 + __builtin_ctzll(bits), *edge++);
  }
  template <class Change>
  void keep(const Change &change) {  // those of which it returns true, as it has changed them
    Edge *kept = edges.data();
    const Edge *edge = kept;
    for (size_t word = 0; word < places.size(); word++) {
      uint64_t left = 0;
      for (uint64_t bits = places[word]; bits; bits &= bits - 1) {
        *kept = *edge++;
        const bool stays = change((int64_t)word * 64 + __builtin_ctzll(bits), *kept);
        left |= stays ? bits & -bits : 0, kept += stays;
      }
      places[word] = left;
    }
    edges.resize((size_t)(kept - edges.data()));
  }
};
