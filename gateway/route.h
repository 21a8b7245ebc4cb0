#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "quorum/types.h"

// What the data plane needs to know to place a request. The control thread publishes a new one at
// every change (also at each renewal of the lease); data-plane threads read it.
namespace regent {

struct Route {
  Epoch epoch;                   // highest known
  RegionId primary = kNoRegion;  // kNoRegion: none is known
  // This gateway may hand writes to its region's backends while now < serve_until. Already holds
  // the margin for the way to the backend; Instant::min() when this gateway holds no lease.
  Instant serve_until = Instant::min();
  // Until when `primary` is known to hold its lease; after it the route counts as unknown.
  Instant known_until = Instant::min();
  // Writes wait: the primary is handing over.
  bool draining = false;
  // A quorum answers this gateway. Without it reads are marked stale.
  bool quorum = false;
  // Gateways of the primary region other than this one whose link is up, best first.
  std::vector<GatewayId> forward_to;
  // Gateways whose link is down: what was sent to them will not be answered.
  std::vector<GatewayId> lost;
  // Regions that a drill cuts this gateway off from; their gateways are among the lost.
  std::vector<RegionId> cut;

  // Checked for every single write, with a clock read for that write.
  bool serves_writes(Instant now) const { return !draining && now < serve_until; }
  bool knows_primary(Instant now) const { return primary != kNoRegion && now < known_until; }

  bool operator==(const Route&) const = default;
};

// One writer (control thread), many readers. A reader pays one atomic load while nothing changed.
class RouteCell {
 public:
  void publish(Route route) {
    auto next = std::make_shared<const Route>(std::move(route));
    {
      std::scoped_lock lock(mutex_);
      current_ = std::move(next);
    }
    version_.fetch_add(1, std::memory_order_seq_cst);
  }
  std::shared_ptr<const Route> load() const {
    std::scoped_lock lock(mutex_);
    return current_;
  }
  std::uint64_t version() const { return version_.load(std::memory_order_seq_cst); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Route> current_ = std::make_shared<const Route>();
  std::atomic<std::uint64_t> version_{1};
};

// A data-plane thread's own view of the cell. The reference is good until the next call.
class RouteReader {
 public:
  explicit RouteReader(const RouteCell& cell) : cell_(cell) {}
  const Route& get() {
    const std::uint64_t version = cell_.version();
    if (version != seen_) {
      route_ = cell_.load();
      seen_ = version;
    }
    return *route_;
  }

 private:
  const RouteCell& cell_;
  std::uint64_t seen_ = 0;
  std::shared_ptr<const Route> route_;
};

// Writes on their way to a backend of this region, counted so that a switchover can wait for them.
// A data-plane thread first enters, then reads the route again, and leaves if it may not serve.
//
// Each thread counts in a place of its own, on a cache line of its own; the control thread, which
// has published a route that takes no writes, adds the places up. Why a sum that is not taken at
// one instant will do: entering, reading the route's version, publishing and reading each place are
// all sequentially consistent, so for every single write either the control thread finds it in its
// place, or the write was entered after that look, hence after the publishing, and its thread sees
// the new route and sends nothing. No place is ever below zero, so a sum of zero means that every
// place was, and that no write that saw the old route is under way.
class WritesInFlight {
 public:
  static constexpr std::size_t kPlaces = 64;  // also the most data-plane threads there can be

  // Written by one thread.
  class alignas(64) Place {
   public:
    void enter() {
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
    }
    void leave() {
      count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
    }

   private:
    friend class WritesInFlight;
    std::atomic<std::int64_t> count_{0};
  };

  Place& place(std::size_t thread) { return places_.at(thread); }
  std::int64_t count() const {
    std::int64_t sum = 0;
    for (const Place& place : places_) sum += place.count_.load(std::memory_order_seq_cst);
    return sum;
  }

 private:
  std::array<Place, kPlaces> places_;
};

}  // namespace regent
