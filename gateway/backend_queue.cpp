#include "gateway/backend_queue.h"

namespace regent {

bool BackendQueue::join(BackendWaiter& waiter, std::uint64_t& ticket, std::uint32_t limit) {
  if (state_->waiting.fetch_add(1) >= limit && ticket == 0) {
    state_->waiting.fetch_sub(1);
    return false;
  }
  if (ticket == 0) ticket = state_->last_ticket.fetch_add(1) + 1;
  waiting_.emplace(ticket, &waiter);
  show_first();
  return true;
}

void BackendQueue::leave(std::uint64_t ticket) {
  if (waiting_.erase(ticket) == 0) return;
  show_first();
  state_->waiting.fetch_sub(1);
}

BackendWaiter* BackendQueue::pop() {
  if (waiting_.empty()) return nullptr;
  BackendWaiter* const first = waiting_.begin()->second;
  leave(waiting_.begin()->first);
  return first;
}

std::uint64_t BackendQueue::first_ticket() const {
  return waiting_.empty() ? ServiceState::kNobody : waiting_.begin()->first;
}

std::optional<std::size_t> BackendQueue::first_thread() const {
  std::optional<std::size_t> thread;
  std::uint64_t least = ServiceState::kNobody;
  for (std::size_t i = 0; i < state_->first_ticket.size(); ++i) {
    const std::uint64_t ticket = state_->first_ticket[i].load();
    if (ticket >= least) continue;
    least = ticket;
    thread = i;
  }
  return thread;
}

void BackendQueue::show_first() {
  state_->first_ticket[thread_].store(first_ticket());
}

}  // namespace regent
