#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "gateway/request_observer.h"
#include "quorum/types.h"
#include "region/event_loop.h"

namespace regent {

// One client connection of the data plane. Loop's thread.
class Session {
 public:
  virtual ~Session() = default;
  // Looks at its time limits.
  virtual void tick(Instant now) = 0;
  // The gateway serves other services now, or the same ones in another way.
  virtual void services_changed() {}
  // The gateway stops: end after what is under way.
  virtual void wind_down() = 0;
  // The gateway stops now: end at once, with an answer where one can still be given.
  virtual void cut_off() = 0;

  std::string peer_region;  // of the gateway that it comes from; "": from a client

 private:
  friend class SessionSet;
  std::size_t place_ = 0;
};

// Owns all client connections. One that is over says so with retire(), also from inside a call to
// it: it is destroyed by a later event.
class SessionSet {
 public:
  // `total`: connections of all threads.
  SessionSet(EventLoop& loop, RequestObserver& observer, std::atomic<std::size_t>& total)
      : loop_(loop), observer_(observer), total_(total) {}

  // Takes a place for one more connection, which add() fills; false when all threads together have
  // `limit` already.
  bool reserve(std::size_t limit);
  void add(std::unique_ptr<Session> session);
  void retire(Session& session);
  // `next` takes the place of a session that is over, and comes from where that came from.
  void replace(Session& session, std::unique_ptr<Session> next);
  std::size_t size() const { return sessions_.size(); }

  // Calls f(Session&) for each; f may retire any of them, but not add.
  template <typename F>
  void for_each(F f) {
    for (std::size_t i = sessions_.size(); i-- > 0;) {
      if (i < sessions_.size()) f(*sessions_[i]);
    }
  }
  void clear();

 private:
  void destroy_later(std::unique_ptr<Session> session);

  EventLoop& loop_;
  RequestObserver& observer_;
  std::atomic<std::size_t>& total_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Session>> retired_;
};

}  // namespace regent
