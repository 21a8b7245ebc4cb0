// An exchange after 101 (RFC 9110, 7.8): bytes of another protocol in both directions, for as long
// as the right to serve lasts.
#include "gateway/http_exchange.h"
#include "region/clock.h"

namespace regent {

HttpExchange::Tunnel::Tunnel(HttpExchange& exchange, const ServingRight& right)
    : Holder(right), exchange_(exchange) {
  exchange_.context_.rights.add(*this);
}

HttpExchange::Tunnel::~Tunnel() {
  exchange_.context_.rights.remove(*this);
}

bool HttpExchange::Tunnel::holds() const {
  return exchange_.context_.rights.holds(right_);
}

void HttpExchange::Tunnel::right_ended() {
  exchange_.context_.observer.fenced();
  exchange_.cut_tunnel();
}

// Whether the 101 that has come is one that was asked for.
bool HttpExchange::switches_as_asked() const {
  if (upgrade_.empty() || !body_done_ || answer_.chunked || answer_.content_length) return false;
  return !answer_.upgrade.empty() && lists_each_of(upgrade_, answer_.upgrade);
}

// From here on the request holds up no switchover: what it sends is counted send by send.
void HttpExchange::open_tunnel() {
  const Route& route = context_.route.get();
  ServingRight right{epoch_, context_.region, kNoGateway};
  if (to_gateway_) right = {route.epoch, route.primary, gateway_};
  if (client_gone_ || !context_.rights.holds(right)) {
    return fail({502, "backend_closed", "the right to serve ended during the handshake", true});
  }
  phase_ = Phase::tunnel;
  tunnel_.emplace(*this, right);
  leave_write();
  answer_code_ = answer_.status;
  context_.observer.request_done(facts_.service, request_class_, answer_code_, seconds_so_far());
  std::string().swap(body_);
  replayable_ = false;
  chunked_ = false;
  body_done_ = false;
  upstream_ended_ = false;
  client_.tunnel_opened(answer_, {epoch_, context_.region_name, false, to_gateway_, false});
}

void HttpExchange::relay_tunnel(std::string_view data) {
  if (!data.empty()) client_.answer_data(data);
  flush_answer();
  pause_fast_upstream();
}

void HttpExchange::client_ended_tunnel() {
  body_done_ = true;
  if (!upstream_->finish()) return fenced();
  if (upstream_ended_) close_tunnel();
}

void HttpExchange::upstream_ended_tunnel() {
  upstream_ended_ = true;
  client_.answer_end({});
  flush_answer();
  if (body_done_) close_tunnel();
}

// Both directions have ended.
void HttpExchange::close_tunnel() {
  tunnel_.reset();
  release_upstream(false);
  phase_ = Phase::idle;
  client_.exchange_done();
}

// What the kernel has not sent yet must not follow later.
void HttpExchange::abandon_tunnel() {
  tunnel_.reset();
  upstream_->reset_on_close();
  release_upstream(false);
  phase_ = Phase::idle;
}

void HttpExchange::cut_tunnel() {
  abandon_tunnel();
  client_.answer_broken();
}

void HttpExchange::tick_tunnel(Instant now) {
  if (!tunnel_->holds()) return tunnel_->right_ended();
  const bool stuck =
      upstream_paused_ ? client_too_slow(now) : now - progress_ >= service().timeouts.idle;
  if (stuck) cut_tunnel();
}

}  // namespace regent
