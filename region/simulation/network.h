#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "quorum/random.h"
#include "quorum/types.h"

// The simulated world's time, clocks and network. Everything is driven by one seeded Random, so a
// run repeats exactly. One thread.
namespace regent::simulation {

// Time as nobody in the simulated cluster can read it: what the checker judges by.
struct TrueClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<TrueClock, Duration>;
  static constexpr bool is_steady = true;
};
using TrueInstant = TrueClock::time_point;

// A process's clock: some reading at the start, then counting at a rate near that of true time.
class Clock {
 public:
  Clock(TrueInstant now, Instant reading, std::int64_t rate_ppm)
      : base_(now), reading_(reading), rate_ppm_(rate_ppm) {}

  Instant at(TrueInstant now) const;
  // First true instant at which it reads `reading` or more, should the rate stay.
  TrueInstant when(Instant reading) const;
  void set_rate(TrueInstant now, std::int64_t rate_ppm);

 private:
  TrueInstant base_;
  Instant reading_;
  std::int64_t rate_ppm_;
};

// What will happen, in order of true time; what is due at one instant, in order of scheduling.
class Schedule {
 public:
  using Action = std::function<void()>;

  TrueInstant now() const { return now_; }
  void at(TrueInstant when, Action action);  // not before now()
  void after(Duration delay, Action action) { at(now_ + delay, std::move(action)); }
  // Does the next thing due before `end`; false, with now() == end, when there is none.
  bool step(TrueInstant end);

 private:
  struct Event {
    TrueInstant when;
    std::uint64_t order;
    Action action;
  };
  static bool is_later(const Event& a, const Event& b);

  TrueInstant now_{};
  std::uint64_t scheduled_ = 0;
  std::vector<Event> events_;  // a heap, the next one in front
};

using ProcessId = std::uint32_t;

struct NetworkConditions {
  std::uint32_t loss_permille = 0;
  std::uint32_t duplicate_permille = 0;
  std::uint32_t straggler_permille = 0;  // messages held up for up to `straggler_delay`
  Duration straggler_delay{};
  Duration jitter{};  // upper bound, added to each delay; above the gaps between messages: disorder
};

// Delivers, loses, doubles, delays and reorders.
class Network {
 public:
  Network(Schedule& schedule, Random& random, std::size_t processes);

  void set_conditions(const NetworkConditions& conditions) { conditions_ = conditions; }
  // Least delay from one process to another; at least 1 us.
  void set_distance(ProcessId from, ProcessId to, Duration least);
  // Drops what is sent from now on in this direction; what is under way arrives.
  void set_cut(ProcessId from, ProcessId to, bool cut);
  bool cut(ProcessId from, ProcessId to) const { return path(from, to).cuts > 0; }
  void heal();

  // Calls `deliver` once, several times or never.
  void send(ProcessId from, ProcessId to, const Schedule::Action& deliver);

 private:
  struct Path {
    Duration least{std::chrono::microseconds(50)};
    unsigned cuts = 0;  // faults that overlap
  };
  const Path& path(ProcessId from, ProcessId to) const { return paths_[from * processes_ + to]; }
  Path& path(ProcessId from, ProcessId to) { return paths_[from * processes_ + to]; }
  Duration delay(const Path& path);

  Schedule& schedule_;
  Random& random_;
  std::size_t processes_;
  std::vector<Path> paths_;
  NetworkConditions conditions_;
};

}  // namespace regent::simulation
