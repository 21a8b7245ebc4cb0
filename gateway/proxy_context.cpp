#include "gateway/proxy_context.h"

#include <algorithm>

#include "region/clock.h"

namespace regent {

bool HeldRequests::add(HttpExchange& exchange, std::size_t bytes) {
  if (waiting_.size() >= limits_.max_held || bytes_ + bytes > limits_.max_held_bytes) return false;
  waiting_.push_back(&exchange);
  bytes_ += bytes;
  observer_.held_changed(1);
  return true;
}

void HeldRequests::remove(HttpExchange& exchange, std::size_t bytes) {
  const auto found = std::find(waiting_.begin(), waiting_.end(), &exchange);
  if (found == waiting_.end()) return;
  waiting_.erase(found);
  bytes_ -= bytes;
  observer_.held_changed(-1);
}

ErrorContext ProxyContext::error_context() {
  const Route& now_route = route.get();
  ErrorContext error;
  error.epoch = now_route.epoch;
  error.region = region_name;
  if (now_route.knows_primary(boot_now())) error.primary = topology.region_name(now_route.primary);
  error.quorum = now_route.quorum;
  return error;
}

}  // namespace regent
