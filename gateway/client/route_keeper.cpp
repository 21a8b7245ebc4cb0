#include "gateway/client/route_keeper.h"

#include <algorithm>

#include "quorum/check.h"

namespace regent::client {

RouteKeeper::Verdict RouteKeeper::offer(const Offer& offer, Instant now) {
  const Route& route = offer.route;
  if (route.epoch < highest_) return Verdict::lower;
  announce(route.epoch);
  if (!primary_.empty() && route.primary != primary_) return Verdict::conflict;
  primary_ = route.primary;
  if (now < barred_until_) return Verdict::given_back;
  longest_ = std::max(longest_, offer.left);
  expire(now);
  if (offer.ends() <= now) return Verdict::over;
  if (current_ && offer.ends() <= current_->ends) return Verdict::known;
  const bool same = current_ && current_->route == route;
  if (!same) ++version_;
  current_ = Current{route, offer.ends(), offer.asked};
  return same ? Verdict::renewed : Verdict::taken;
}

void RouteKeeper::announce(Epoch epoch) {
  if (epoch <= highest_) return;
  drop();
  highest_ = epoch;
  primary_.clear();
  longest_ = {};
  barred_until_ = Instant::min();
}

void RouteKeeper::give_back(Epoch epoch, Instant now) {
  announce(epoch);
  if (epoch < highest_) return;
  barred_until_ = now + longest_;
  drop();
}

void RouteKeeper::expire(Instant now) {
  if (current_ && current_->ends <= now) drop();
}

void RouteKeeper::drop() {
  if (!current_) return;
  current_.reset();
  ++version_;
}

std::string objection(RouteKeeper::Verdict verdict, const Offer& offer, const RouteKeeper& keeper) {
  using Verdict = RouteKeeper::Verdict;
  const std::string epoch = "epoch " + std::to_string(offer.route.epoch.value);
  switch (verdict) {
    case Verdict::taken:
    case Verdict::renewed:
    case Verdict::known:
      return "";
    case Verdict::lower:
      return "shows " + epoch + ", but epoch " + std::to_string(keeper.highest().value) +
             " was seen already";
    case Verdict::conflict:
      return "shows " + offer.route.primary + " in " + epoch + ", but " + keeper.primary() +
             " was seen in it; two clusters named alike?";
    case Verdict::given_back:
      return "still shows " + epoch + ", which its primary gave back";
    case Verdict::over:
      return "shows " + epoch + ", whose lease was over when the answer came";
  }
  CHECK(false);
}

}  // namespace regent::client
