// Threads, and what the process lends for them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <vector>
// What the process has: torch's threads, or null, to run a function, and to ask for one's number and for how many there are;
// and what Python has to release and to acquire its lock, and to handle signals.
struct Host {
  void (*parallel)(void (*)(void *), void *, unsigned, unsigned);
  int (*thread)(), (*threads)();
  void *(*release)();
  void (*acquire)(void *);
  int (*handle_signals)();
};
extern Host host;

namespace {
// Who called. The main thread of Python comes with its lock, which others may have meanwhile, and now and then handles
// signals, of which one may interrupt it.
class Caller {
  using Clock = std::chrono::steady_clock;
  const bool main;
  void *state;
  std::atomic<bool> left{false};
  Clock::time_point next = Clock::now() + pause;
public:
  static constexpr std::chrono::milliseconds pause{100};
  explicit Caller(bool main) : main(main), state(main ? host.release() : nullptr) {}
  ~Caller() { if (main) host.acquire(state); }
  bool interrupted() const { return left.load(std::memory_order_relaxed); }
  bool interrupted(int64_t thread) {  // ask this often
    if (main && thread == 0 && !left && Clock::now() > next) {
      host.acquire(state);
      if (host.handle_signals()) left = true;
      state = host.release();
      next = Clock::now() + pause;
    }
    return interrupted();
  }
};

// Steps of work, each of so many units. A thread takes those of its own, and then what others have not begun: of one that
// has to share its core with another process, they wait for no more than the unit that it is at.
class Team {
  std::vector<std::atomic<int64_t>> taken;  // the last step in which each unit was, and one more
  std::atomic<int64_t> step{0}, done{0}, gone{0};
  std::mutex lock;
  std::condition_variable news;
  Caller *const caller;
  static constexpr std::chrono::microseconds watchful{50};
  bool takes(int64_t unit, int64_t now) {
    int64_t last = taken[unit];
    return last <= now && taken[unit].compare_exchange_strong(last, now + 1);
  }
  template <class Change> void tell(Change change) {
    { const std::lock_guard<std::mutex> held(lock); change(); }
    news.notify_all();
  }
  template <class Holds> void wait(int64_t thread, Holds holds) {
    const auto until = std::chrono::steady_clock::now() + watchful;
    while (!holds()) {
      if (std::chrono::steady_clock::now() < until) continue;
      if (caller) caller->interrupted(thread);
      std::unique_lock<std::mutex> held(lock);  // asleep: others may need the core
      news.wait_for(held, Caller::pause, holds);
    }
  }
public:
  const int64_t threads;
  Team(int64_t threads, int64_t units, Caller *caller) : taken(units), caller(caller), threads(threads) {}
  template <class Unit> void each(int64_t thread, int64_t now, int64_t count, Unit unit) {
    const int64_t own = count * thread / threads;
    for (int64_t i = 0; step == now && i < count; i++)
      if (const int64_t next = (own + i) % count; takes(next, now)) {
        unit(next);
        if (++done == count) done = 0, tell([&] { step = now + 1; });
      }
    wait(thread, [&] { return step != now; });
  }
  void leave(int64_t thread, int64_t size) {  // together with all others
    tell([&] { gone++; });
    wait(thread, [&] { return gone == size; });
  }
};
// A thread of a team, or one by itself. All threads of a team ask for the same steps, as often.
struct Member {
  Team *team = nullptr;
  int64_t thread = 0, step = 0;
  template <class Unit> void each(int64_t count, Unit unit) {
    if (team) return team->each(thread, step++, count, unit);
    for (int64_t i = 0; i < count; i++) unit(i);
  }
};

// Let so many threads run, or as many as there are to be had, on at most so many units at a time. The caller is number 0.
template <class Run> void in_threads(int64_t most, int64_t units, Run run, Caller *caller = nullptr) {
  const int64_t threads = std::min(most, units);
  const Host lent = host;
  Team team(threads, units, caller);
  const auto work = [&](int64_t thread) {
    Member member{threads > 1 ? &team : nullptr, thread};
    run(member);
  };
  // torch's stay awake for a while after their work: others would have to share the cores with them
  const auto of_torch = [&] {
    const int64_t thread = lent.thread();
    work(thread), team.leave(thread, lent.threads());
  };
  if (threads > 1 && lent.parallel)
    return lent.parallel([](void *run) { (*(decltype(of_torch) *)run)(); }, (void *)&of_torch, threads, 0);
  std::vector<std::thread> others;
  others.reserve(threads);
  try {
    for (int64_t thread = 1; thread < threads; thread++) others.emplace_back(work, thread);
  } catch (const std::exception &) {}
  work(0);
  for (auto &other : others) other.join();
}
// Floats for each thread, on pages of its own
struct Scratch {
  const int64_t size;
  const std::unique_ptr<float[], void (*)(float *)> memory;
  Scratch(int64_t threads, int64_t floats)
      : size((floats + 1023) / 1024 * 1024),
        memory(new (std::align_val_t(4096)) float[threads * size],
               [](float *memory) { operator delete[](memory, std::align_val_t(4096)); }) {}
  float *of(int64_t thread) const { return memory.get() + thread * size; }
};
}  // namespace
