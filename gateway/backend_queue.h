#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "gateway/service_table.h"

namespace regent {

// A request that waits until a backend of its service has room for it.
class BackendWaiter {
 public:
  virtual ~BackendWaiter() = default;
  // There may be room now. It has left the queue; it may ask again with its ticket.
  virtual void on_backend_room() = 0;
};

// One thread's part of a service's queue. A ticket, drawn from a counter of all threads, says whose
// turn it is; each thread shows the first ticket of its own part to the others. Loop's thread,
// except for the shared state, which is all atomics.
//
// Nobody is forgotten: who joins first counts itself as waiting and then looks for room once more,
// who leaves a backend first makes the room and then looks whether anybody waits, both sequentially
// consistent, so at least one of them sees the other.
class BackendQueue {
 public:
  BackendQueue(std::shared_ptr<ServiceState> state, std::size_t thread)
      : state_(std::move(state)), thread_(thread) {}

  // Queues at the place of `ticket`, or (0) at the end, and the ticket is drawn; then false when
  // `limit` requests wait already, in all threads.
  bool join(BackendWaiter& waiter, std::uint64_t& ticket, std::uint32_t limit);
  void leave(std::uint64_t ticket);
  // Takes the first out; null: this thread's part is empty.
  BackendWaiter* pop();

  bool empty() const { return waiting_.empty(); }
  std::uint64_t first_ticket() const;
  // Whether anybody waits, in any thread; and in which thread the first does.
  bool anybody() const { return state_->waiting.load() > 0; }
  std::optional<std::size_t> first_thread() const;

 private:
  void show_first();

  const std::shared_ptr<ServiceState> state_;
  const std::size_t thread_;
  std::map<std::uint64_t, BackendWaiter*> waiting_;  // by ticket
};

}  // namespace regent
