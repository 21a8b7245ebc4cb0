#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "region/simulation/clock.h"

namespace regent::simulation {

// What will happen, in order of true time; what is due at one instant, in order of scheduling.
// One thread.
class Schedule {
 public:
  // Somebody to whom things happen; `what` and `detail` mean what the target wants them to.
  class Target {
   public:
    virtual void due(std::uint32_t what, std::uint32_t detail) = 0;

   protected:
    ~Target() = default;
  };
  using Action = std::function<void()>;

  TrueInstant now() const { return now_; }
  // Not before now(). The target must live as long as the schedule.
  void at(TrueInstant when, Target& target, std::uint32_t what, std::uint32_t detail);
  // The same for what happens seldom.
  void after(Duration delay, Action action);
  // Does the next thing due before `end`; false, with now() == end, when there is none.
  bool step(TrueInstant end);

  std::uint64_t steps() const { return steps_; }

 private:
  struct Event {
    TrueInstant when;
    std::uint64_t order;
    Target* target;  // nullptr: the action numbered `detail`
    std::uint32_t what;
    std::uint32_t detail;
  };
  static bool is_later(const Event& a, const Event& b) {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
  }
  void add(TrueInstant when, Target* target, std::uint32_t what, std::uint32_t detail);

  TrueInstant now_{};
  std::uint64_t scheduled_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<Event> events_;  // a heap, the next one in front
  std::vector<Action> actions_;
  std::vector<std::uint32_t> free_actions_;
};

}  // namespace regent::simulation
