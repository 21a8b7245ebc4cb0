#include "gateway/session.h"

#include <utility>

#include "quorum/check.h"

namespace regent {

bool SessionSet::reserve(std::size_t limit) {
  if (total_.fetch_add(1) < limit) return true;
  total_.fetch_sub(1);
  return false;
}

void SessionSet::add(std::unique_ptr<Session> session) {
  session->place_ = sessions_.size();
  sessions_.push_back(std::move(session));
  observer_.connections_changed(1);
}

void SessionSet::retire(Session& session) {
  const std::size_t place = session.place_;
  CHECK(place < sessions_.size() && sessions_[place].get() == &session);
  destroy_later(std::move(sessions_[place]));
  if (place + 1 < sessions_.size()) {
    sessions_[place] = std::move(sessions_.back());
    sessions_[place]->place_ = place;
  }
  sessions_.pop_back();
  total_.fetch_sub(1);
  observer_.connections_changed(-1);
}

void SessionSet::replace(Session& session, std::unique_ptr<Session> next) {
  const std::size_t place = session.place_;
  CHECK(place < sessions_.size() && sessions_[place].get() == &session);
  next->peer_region = session.peer_region;
  destroy_later(std::exchange(sessions_[place], std::move(next)));
  sessions_[place]->place_ = place;
}

void SessionSet::destroy_later(std::unique_ptr<Session> session) {
  retired_.push_back(std::move(session));
  if (retired_.size() > 1) return;
  loop_.post([this] { const auto gone = std::exchange(retired_, {}); });
}

void SessionSet::clear() {
  observer_.connections_changed(-static_cast<int>(sessions_.size()));
  total_.fetch_sub(sessions_.size());
  sessions_.clear();
  retired_.clear();
}

}  // namespace regent
