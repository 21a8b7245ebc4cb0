#include "gateway/tcp_session.h"

#include <algorithm>
#include <utility>

#include "gateway/proxy_protocol.h"
#include "region/clock.h"

namespace regent {

TcpSession::TcpSession(ProxyContext& context, SessionSet& sessions, std::uint32_t service)
    : context_(context),
      sessions_(sessions),
      number_(service),
      service_(context.service(service)) {}

void TcpSession::open(Poco::Net::StreamSocket socket, std::optional<Stream::Tls> tls) {
  const bool secure = tls.has_value();
  since_ = context_.tick_now;
  stream_ = Stream::accepted(context_.loop, std::move(socket), std::move(tls), *this);
  about_ = {service_->name, stream_->peer_address(), stream_->local_address()};
  if (secure) {
    state_ = State::handshake;
  } else {
    on_open();
  }
}

void TcpSession::open(std::unique_ptr<Stream> from_gateway, TunnelOpening opening) {
  from_gateway_ = true;
  stream_ = std::move(from_gateway);
  stream_->set_handler(*this);
  about_ = std::move(opening);
  on_open();
}

void TcpSession::on_open() {
  state_ = State::connecting;
  // What the client sends waits in its socket until there is somebody to take it.
  stream_->pause_reading();
  place_connection();
}

Place TcpSession::where() {
  return place(context_.route.get(), boot_now(),
               {RequestClass::write, service_->reads, context_.region, from_gateway_,
                context_.pool.any_hopeful(number_)});
}

void TcpSession::place_connection() {
  switch (where()) {
    case Place::local:
      return go_local();
    case Place::forward:
      return go_forward();
    case Place::no_backend:
      return refuse(503, "no_backend", "no healthy backend of " + service_->name);
    case Place::hold:
    case Place::refuse:
      return refuse(421, "no_primary", context_.region_name + " may not serve this connection now");
  }
}

void TcpSession::go_local() {
  right_ = {context_.route.get().epoch, context_.region, kNoGateway};
  const auto choice = context_.pool.pick(number_, turn_);
  if (choice.all_busy) return wait_for_backend();
  if (!choice.backend) return refuse(503, "no_backend", "no healthy backend of " + service_->name);
  connect(*choice.backend);
}

void TcpSession::wait_for_backend() {
  if (!context_.pool.wait(number_, *this, turn_, service_->backend_limits)) {
    return refuse(503, "overloaded", "no backend of " + service_->name + " has room");
  }
  state_ = State::queued;
}

void TcpSession::on_backend_room() {
  state_ = State::connecting;
  turn_.failed.reset();
  place_connection();
}

void TcpSession::stop_waiting() {
  if (state_ != State::queued) return;
  context_.pool.stop_waiting(number_, turn_);
  state_ = State::connecting;
}

void TcpSession::go_forward() {
  const Route& route = context_.route.get();
  if (next_gateway_ >= route.forward_to.size()) {
    return refuse(503, "no_primary", "no gateway of the primary region takes the connection");
  }
  const GatewayId gateway = route.forward_to[next_gateway_++];
  right_ = {route.epoch, route.primary, gateway};
  connect(context_.pool.gateway(gateway));
}

void TcpSession::connect(std::uint32_t destination) {
  since_ = context_.tick_now;
  answer_.clear();
  auto taken = context_.pool.take(destination, true, *this, nullptr);
  if (!taken && taken.error().code == ErrorCode::refused && right_.local()) {
    return wait_for_backend();
  }
  if (!taken) return failed(destination, taken.error().message);
  upstream_ = std::move(*taken);
  if (right_.local()) return;
  // The other gateway checks its own right before anything goes to a backend.
  [[maybe_unused]] const bool sent = upstream_->send(opening_request(about_));
}

void TcpSession::failed(std::uint32_t destination, const std::string& why) {
  if (right_.local()) {
    turn_.failed = destination;
    context_.backend_failed(destination, false, why);
  }
  try_next();
}

// Nothing of the client's bytes has been read, so any other place will do.
void TcpSession::try_next() {
  release_upstream();
  if (++connects_ < kMaxConnects) return place_connection();
  refuse(503, "no_backend", "no connection to a backend of " + service_->name);
}

// A client cannot be told why; a gateway can, and may try another one.
void TcpSession::refuse(unsigned status, std::string_view error, std::string message) {
  context_.observer.tunnel_ended(number_, TunnelEnd::refused);
  if (!from_gateway_) {
    stream_->reset_on_close();
    return retire();
  }
  context_.scratch.clear();
  append_error_answer(context_.scratch, {status, error, std::move(message), false, true, true},
                      context_.error_context());
  stream_->write(context_.scratch);
  stream_->finish();
  stream_->resume_reading();
  state_ = State::lingering;
  since_ = context_.tick_now;
}

void TcpSession::on_upstream_drained(Upstream& from) {
  if (right_.local() && from.connected()) start_tunnel({});
}

void TcpSession::on_upstream_data(Upstream&, std::string_view data) {
  answer_.append(data);
  const std::size_t length = head_length(answer_);
  if (length == 0) {
    if (answer_.size() > kMaxAnswerBytes) try_next();
    return;
  }
  const std::optional<Epoch> epoch =
      parse_opening_answer(std::string_view(answer_).substr(0, length));
  if (!epoch) return try_next();
  right_.epoch = *epoch;
  const std::string first = answer_.substr(length);
  start_tunnel(first);
}

void TcpSession::on_upstream_closed(Upstream& from, bool, const Error& reason) {
  // A kept connection to a gateway may have come to its end just now.
  if (!right_.local() && from.used_before) --next_gateway_;
  failed(from.destination, reason.message);
}

void TcpSession::start_tunnel(std::string_view to_client) {
  state_ = State::gone;
  context_.pool.succeeded(upstream_->destination);
  if (from_gateway_) stream_->write(opening_answer(right_.epoch));
  std::string header;
  if (right_.local() && service_->proxy_protocol) {
    header = proxy_header(about_.client, about_.local, right_.epoch);
  }
  auto tunnel = std::make_unique<Tunnel>(
      context_, sessions_,
      Tunnel::Far{std::move(upstream_), right_, number_, service_->timeouts.idle, to_client});
  Tunnel& opened = *tunnel;
  sessions_.replace(*this, std::move(tunnel));
  opened.start(std::move(stream_), header, false);
}

void TcpSession::on_end() {
  if (state_ != State::connecting) retire();
}

void TcpSession::on_closed(const Error&) {
  retire();
}

void TcpSession::tick(Instant now) {
  const ProxyLimits& limits = context_.limits;
  const Duration waited = now - since_;
  switch (state_) {
    case State::handshake:
      if (waited >= limits.head_timeout) retire();
      return;
    case State::connecting: {
      const bool lost = !right_.local() &&
                        std::ranges::count(context_.route.get().lost, right_.through) > 0;
      Duration limit = service_->timeouts.connect;
      // A gateway that has answered the call has to find a backend first, or to wait for one.
      if (upstream_->connected()) {
        limit = limit * kMaxConnects + service_->backend_limits.queue_wait;
      }
      if (!lost && waited < limit) return;
      return failed(upstream_->destination, "the connection was not accepted in time");
    }
    case State::queued:
      // The place may be elsewhere by now.
      if (now < turn_.waits_until && where() == Place::local) return;
      stop_waiting();
      return place_connection();
    case State::lingering:
      if (waited >= limits.linger_timeout) retire();
      return;
    case State::gone:
      return;
  }
}

void TcpSession::wind_down() {
  retire();
}

void TcpSession::cut_off() {
  retire();
}

void TcpSession::release_upstream() {
  if (upstream_) context_.pool.give_back(std::move(upstream_), false, context_.tick_now);
}

void TcpSession::retire() {
  if (state_ == State::gone) return;
  stop_waiting();
  state_ = State::gone;
  release_upstream();
  stream_.reset();
  sessions_.retire(*this);
}

}  // namespace regent
