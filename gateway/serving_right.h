#pragma once

#include <cstddef>
#include <vector>

#include "gateway/route.h"
#include "region/event_loop.h"

// For connections that outlive a request: what they stand on, and who closes them the moment it
// ends.
namespace regent {

// Why a connection may carry bytes: this gateway's lease, or that another gateway is where the
// primary is.
struct ServingRight {
  Epoch epoch;                     // of the primary that serves the connection
  RegionId primary = kNoRegion;    // its region
  GatewayId through = kNoGateway;  // the gateway it is carried to; kNoGateway: backends of this one

  bool local() const { return through == kNoGateway; }
  // For a local one, `now` must be read for the very bytes that are about to go to the backend.
  bool holds(const Route& route, Instant now) const;
  // When it ends if the route does not change.
  Instant until(const Route& route) const;
};

// The rights of one thread's connections. Ends each at the instant it runs out, not at the next
// byte. Loop's thread.
class RightWatch {
 public:
  class Holder {
   public:
    virtual ~Holder() = default;
    // The right has ended: cut the connection, and call remove().
    virtual void right_ended() = 0;

   protected:
    explicit Holder(const ServingRight& right) : right_(right) {}
    const ServingRight right_;

   private:
    friend class RightWatch;
    std::size_t place_ = 0;
  };

  // Both must outlive this.
  RightWatch(EventLoop& loop, RouteReader& route) : loop_(loop), route_(route) {}
  ~RightWatch() { loop_.cancel(timer_); }
  RightWatch(const RightWatch&) = delete;
  RightWatch& operator=(const RightWatch&) = delete;

  // From now on the holder is told; at the earliest by a later event.
  void add(Holder& holder);
  void remove(Holder& holder);
  // Whether the right holds now, by the clock and the route of this very moment.
  bool holds(const ServingRight& right);
  // The route may have changed: ends what does not hold any more, and logs how many.
  void check();

 private:
  void arm(Instant at);

  EventLoop& loop_;
  RouteReader& route_;
  std::vector<Holder*> holders_;
  EventLoop::TimerId timer_ = 0;
  Instant armed_ = kNever;
};

}  // namespace regent
