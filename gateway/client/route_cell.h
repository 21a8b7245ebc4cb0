#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gateway/client/route.h"
#include "quorum/check.h"

namespace regent::client {

// A route as it was when it was looked up, or none. It stays as it is, whatever happens meanwhile,
// until the view is destroyed; keep it for a request, not for longer. To be destroyed before the
// RouteClient it came from. One thread at a time; may be moved to another one.
class RouteView {
 public:
  RouteView() = default;
  RouteView(RouteView&& other) noexcept
      : route_(std::exchange(other.route_, nullptr)),
        pins_(std::exchange(other.pins_, nullptr)),
        ends_(other.ends_) {}
  RouteView& operator=(RouteView&& other) noexcept {
    std::swap(route_, other.route_);
    std::swap(pins_, other.pins_);
    std::swap(ends_, other.ends_);
    return *this;
  }
  ~RouteView() {
    if (pins_ != nullptr) pins_->fetch_sub(1, std::memory_order_release);
  }

  explicit operator bool() const { return route_ != nullptr; }
  // Only of a view that holds a route.
  const Route& operator*() const {
    CHECK(route_ != nullptr);
    return *route_;
  }
  const Route* operator->() const { return &**this; }
  // The instant from which the route counts no more (region/clock.h), as known at the look-up.
  Instant ends() const { return ends_; }

 private:
  friend class RouteCell;
  const Route* route_ = nullptr;
  std::atomic<std::uint32_t>* pins_ = nullptr;
  Instant ends_ = Instant::min();
};

// The route in force, replaced by one thread and looked at by all others without a lock.
//
// A reader pins the slot that is current and then looks again whether it still is. Both sides are
// sequentially consistent: either the writer, which first makes another slot current, sees the pin
// and leaves the slot alone, or the reader sees the other slot and tries again. So a slot is only
// rewritten while nobody can look into it.
class RouteCell {
 public:
  static constexpr std::size_t kMaxSlots = 1024;  // routes at a time, in force or in views

  RouteCell() = default;
  ~RouteCell();  // CHECKs that no view is left
  RouteCell(const RouteCell&) = delete;
  RouteCell& operator=(const RouteCell&) = delete;

  // Any thread. Empty when there is none, or when it has ended by `now`.
  RouteView look(Instant now) const {
    while (true) {
      Slot* slot = current_.load(std::memory_order_acquire);
      if (slot == nullptr) return {};
      RouteView view;
      view.pins_ = &slot->pins[stripe()].count;
      view.pins_->fetch_add(1, std::memory_order_seq_cst);
      if (current_.load(std::memory_order_seq_cst) != slot) continue;
      view.ends_ = Instant(Duration(slot->ends.load(std::memory_order_relaxed)));
      if (now >= view.ends_) return {};
      view.route_ = &slot->route;
      return view;
    }
  }

  // The rest: the writer's thread only.

  // False, and then none is in force: kMaxSlots routes are held in views.
  bool publish(const Route& route, Instant ends);
  void extend(Instant ends);  // of the route in force, which there must be
  void clear();

 private:
  // The pins are counted on several cache lines, so that threads do not fight over one.
  static constexpr std::size_t kStripes = 8;
  static constexpr std::size_t kCacheLineBytes = 64;
  struct alignas(kCacheLineBytes) Pins {
    std::atomic<std::uint32_t> count{0};
  };
  struct Slot {
    std::array<Pins, kStripes> pins;
    std::atomic<Duration::rep> ends{0};
    Route route;
    bool pinned() const;
  };

  static std::size_t stripe() {
    static std::atomic<std::size_t> threads{0};
    thread_local const std::size_t mine = threads.fetch_add(1, std::memory_order_relaxed);
    return mine % kStripes;
  }
  Slot* free_slot();

  std::atomic<Slot*> current_{nullptr};
  std::vector<std::unique_ptr<Slot>> slots_;  // the writer's
};

}  // namespace regent::client
