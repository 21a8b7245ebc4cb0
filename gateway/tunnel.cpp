#include "gateway/tunnel.h"

#include <utility>

namespace regent {

Tunnel::Tunnel(ProxyContext& context, SessionSet& sessions, Far far)
    : Holder(far.right), context_(context), sessions_(sessions), far_(std::move(far)) {}

Tunnel::~Tunnel() {
  if (!over()) release();
}

void Tunnel::start(std::unique_ptr<Stream> client, std::string_view to_upstream,
                   bool client_ended) {
  stream_ = std::move(client);
  touch();
  // Counted first, looked at the route after: see WritesInFlight.
  if (right_.local()) context_.writes.enter();
  context_.rights.add(*this);
  upstream().begin(*this, right_.local() ? this : nullptr);
  stream_->set_handler(*this);
  if (!context_.rights.holds(right_)) return end(TunnelEnd::cut);
  if (!to_upstream.empty()) send_up(to_upstream);
  if (!over() && !far_.to_client.empty()) send_down(far_.to_client);
  far_.to_client = {};
  if (over()) return;
  if (!client_paused_) stream_->resume_reading();
  if (!upstream_paused_) upstream().resume_reading();
  if (client_ended) on_end();
}

// The one place that says whether anything may go to a backend of this region. Unlike a request, a
// connection has no last byte to wait for, so it does not go on while the region hands over.
bool Tunnel::may_send(bool) {
  return context_.rights.holds(right_);
}

void Tunnel::on_data(std::span<const std::byte> data) {
  send_up({reinterpret_cast<const char*>(data.data()), data.size()});
  if (over() || !wants_pipe(data.size())) return;
  up_pipe_ = context_.pipes.take();
  stream_->receive_into(up_pipe_.get());
}

void Tunnel::on_piped(std::size_t bytes) {
  touch();
  to_upstream_ += bytes;
  if (!upstream().send_from(*up_pipe_)) return fenced();
  if (up_pipe_->size() > 0) return pause_client();
  if (bytes < kBulkBytes) leave_up_pipe();
}

void Tunnel::send_up(std::string_view data) {
  touch();
  to_upstream_ += data.size();
  if (!upstream().send(data)) return fenced();
  if (upstream().queued_bytes() > kHighWaterBytes) pause_client();
}

void Tunnel::send_down(std::string_view data) {
  touch();
  to_client_ += data.size();
  stream_->write(data);
  if (stream_->queued_bytes() > kHighWaterBytes) pause_upstream();
}

void Tunnel::pause_client() {
  if (!std::exchange(client_paused_, true)) stream_->pause_reading();
}

void Tunnel::pause_upstream() {
  if (!std::exchange(upstream_paused_, true)) upstream().pause_reading();
}

bool Tunnel::wants_pipe(std::size_t read) const {
  return read >= Stream::kReadBytes && stream_->can_splice() && far_.upstream->can_splice();
}

void Tunnel::leave_up_pipe() {
  stream_->receive_into(nullptr);
  context_.pipes.give_back(std::move(up_pipe_));
}

void Tunnel::leave_down_pipe() {
  upstream().receive_into(nullptr);
  context_.pipes.give_back(std::move(down_pipe_));
}

// Others may need the pipes of a direction in which nothing has come since the last report.
void Tunnel::leave_quiet_pipes() {
  if (up_pipe_ && to_upstream_ == 0 && up_pipe_->size() == 0) leave_up_pipe();
  if (down_pipe_ && to_client_ == 0 && down_pipe_->size() == 0) leave_down_pipe();
}

void Tunnel::on_end() {
  touch();
  client_ended_ = true;
  if (!upstream().finish()) return fenced();
  end_if_done();
}

void Tunnel::on_drained() {
  touch();
  if (std::exchange(upstream_paused_, false)) upstream().resume_reading();
  end_if_done();
}

void Tunnel::on_closed(const Error&) {
  const bool complete = client_ended_ && upstream_ended_ && stream_->queued_bytes() == 0;
  if (!complete) return end(TunnelEnd::lost);
  end_if_done();  // later, while the other side still has to take something
}

void Tunnel::on_upstream_data(Upstream&, std::string_view data) {
  send_down(data);
  if (over() || !wants_pipe(data.size())) return;
  down_pipe_ = context_.pipes.take();
  upstream().receive_into(down_pipe_.get());
}

void Tunnel::on_upstream_piped(Upstream&, std::size_t bytes) {
  touch();
  to_client_ += bytes;
  stream_->send_from(*down_pipe_);
  if (down_pipe_->size() > 0) return pause_upstream();
  if (bytes < kBulkBytes) leave_down_pipe();
}

void Tunnel::on_upstream_drained(Upstream&) {
  touch();
  if (std::exchange(client_paused_, false)) stream_->resume_reading();
  end_if_done();
}

void Tunnel::on_upstream_fenced(Upstream&) {
  fenced();
}

void Tunnel::on_upstream_closed(Upstream&, bool orderly, const Error&) {
  const bool complete = client_ended_ && upstream_ended_ && upstream().queued_bytes() == 0;
  if (!orderly && !complete) return end(TunnelEnd::lost);
  if (!orderly) return end_if_done();
  touch();
  upstream_ended_ = true;
  stream_->finish();
  end_if_done();
}

// The right has ended, for this tunnel and for all others of its kind.
void Tunnel::fenced() {
  context_.rights.check();
  if (!over()) end(TunnelEnd::cut);
}

void Tunnel::end_if_done() {
  if (!client_ended_ || !upstream_ended_) return;
  if (stream_->queued_bytes() == 0 && upstream().queued_bytes() == 0) end(TunnelEnd::closed);
}

void Tunnel::tick(Instant now) {
  if (over()) return;
  leave_quiet_pipes();
  report_bytes();
  if (now >= context_.drained_at(far_.service)) return end(TunnelEnd::cut);
  // A slow side takes its queue in pieces, which are progress, too.
  const std::size_t queued = stream_->queued_bytes() + upstream().queued_bytes();
  if (queued < std::exchange(queued_, queued)) touch();
  if (now - progress_ >= far_.idle) end(TunnelEnd::idle);
}

void Tunnel::report_bytes() {
  if (to_upstream_ == 0 && to_client_ == 0) return;
  context_.observer.tunnel_bytes(far_.service, std::exchange(to_upstream_, 0),
                                 std::exchange(to_client_, 0));
}

void Tunnel::end(TunnelEnd how) {
  if (over()) return;
  if (how != TunnelEnd::closed) {
    stream_->reset_on_close();
    upstream().reset_on_close();
  }
  release();
  report_bytes();
  context_.observer.tunnel_ended(far_.service, how);
  sessions_.retire(*this);
}

void Tunnel::release() {
  stream_.reset();
  context_.pool.give_back(std::move(far_.upstream), false, context_.tick_now);
  context_.rights.remove(*this);
  context_.pipes.give_back(std::move(up_pipe_));
  context_.pipes.give_back(std::move(down_pipe_));
  if (right_.local()) context_.writes.leave();
}

}  // namespace regent
