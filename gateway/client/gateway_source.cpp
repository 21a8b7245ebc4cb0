#include "gateway/client/gateway_source.h"

#include "gateway/client/route_text.h"

namespace regent::client {
namespace {

constexpr int kOk = 200;

}  // namespace

GatewaySource::GatewaySource(std::vector<Endpoint> gateways, std::string cluster,
                             std::string ca_file, Duration timeout, RouteKeeper& keeper,
                             Random& random)
    : cluster_(std::move(cluster)),
      ca_file_(std::move(ca_file)),
      timeout_(timeout),
      keeper_(keeper),
      random_(random) {
  for (Endpoint& gateway : gateways) gateways_.push_back({std::move(gateway), ""});
}

Instant GatewaySource::tick(bool needed, Instant now) {
  if (gateways_.empty()) return kNever;
  if (question_ && now >= began_ + timeout_) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout_).count();
    finish("no answer within " + std::to_string(ms) + " ms", now);
  }
  if (needed && !question_ && now >= next_) begin(now);
  if (question_) return began_ + timeout_;
  return needed ? next_ : kNever;
}

void GatewaySource::begin(Instant now) {
  auto begun = GatewayQuestion::begin(gateways_[turn_].address, cluster_, ca_file_);
  if (!begun.ok()) return finish(begun.error().message, now);
  question_ = std::move(*begun);
  began_ = now;
}

void GatewaySource::add_wants(std::vector<pollfd>& wanted) const {
  if (question_) wanted.push_back(question_->wants());
}

void GatewaySource::move(const pollfd& happened, Instant now) {
  if (!question_ || question_->wants().fd != happened.fd) return;
  const auto result = question_->move(happened.revents);
  if (!result) return;
  finish(result->ok() ? judge(**result, now) : result->error().message, now);
}

std::string GatewaySource::judge(const GatewayAnswer& answer, Instant now) {
  if (answer.code != kOk) {
    const std::string message = message_of(answer.body);
    return "answers " + std::to_string(answer.code) + (message.empty() ? "" : ": " + message);
  }
  const auto shown = shown_by_gateway(answer.body);
  if (!shown.ok()) return shown.error().message;
  const Offer offer{shown->route, answer.asked, shown->left};
  return objection(keeper_.offer(offer, now), offer, keeper_);
}

void GatewaySource::finish(std::string problem, Instant now) {
  question_.reset();
  gateways_[turn_].problem = std::move(problem);
  next_ = now + Backoff::kShortest;
  if (gateways_[turn_].problem.empty()) {
    failed_ = 0;
    backoff_.reset();
    return;
  }
  turn_ = (turn_ + 1) % gateways_.size();
  if (++failed_ % gateways_.size() == 0) {
    next_ = now + backoff_.next(random_);
  } else {
    next_ = now;
  }
}

}  // namespace regent::client
