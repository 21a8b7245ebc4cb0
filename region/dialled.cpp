#include "region/dialled.h"

#include <algorithm>
#include <utility>

#include "region/clock.h"

namespace regent {
namespace {

using std::chrono::milliseconds;

constexpr Duration kFirstPause = milliseconds(100);
constexpr Duration kLongestPause = milliseconds(1000);
constexpr Duration kAttemptLimit = milliseconds(800);
constexpr Duration kLongAttemptLimit = milliseconds(2000);
constexpr Duration kGoodAfter = milliseconds(1000);

}  // namespace

Dialled::Dialled(const Context& context, Endpoint target, std::uint64_t seed, Owner& owner)
    : context_(context), target_(target), owner_(owner), random_(seed) {
  address_ = context.policy.address_of(target).text();
}

Dialled::~Dialled() {
  *alive_ = false;
  context_.loop.cancel(timer_);
}

void Dialled::start() {
  dial();
}

void Dialled::dial() {
  const bool patient = ++attempts_ % 4 == 0;
  context_.loop.cancel(timer_);
  timer_ = context_.loop.after(patient ? kLongAttemptLimit : kAttemptLimit,
                               [this] { attempt_timed_out(); });
  const std::uint32_t attempt = attempts_;
  context_.resolver.find(
      context_.policy.address_of(target_),
      [this, attempt, alive = alive_](const Result<Poco::Net::SocketAddress>& found) {
        if (!*alive || attempt != attempts_ || channel_) return;
        if (!found.ok()) return on_closed(found.error());
        connect(*found);
      });
}

void Dialled::connect(const Poco::Net::SocketAddress& to) {
  auto source = context_.source;
  if (source && source->family() != to.family()) source.reset();
  Stream::Tls tls;
  tls.context = context_.credentials.current()->client;
  tls.check = [&policy = context_.policy, target = target_](const Identity& peer) {
    return policy.must_be(target, peer);
  };
  channel_ = Channel::connect(context_.loop, to, source, std::move(tls), *this);
  channel_->stream().set_unacknowledged_limit(context_.unacknowledged_limit);
}

bool Dialled::send(std::string_view body) {
  return open() && channel_->send(body);
}

void Dialled::reconnect() {
  if (!was_open_ || boot_now() - opened_ < kGoodAfter) return;
  channel_.reset();
  was_open_ = false;
  failures_ = 0;
  owner_.on_dialled_closed(*this, {ErrorCode::timed_out, "the peer is silent"});
  dial();
}

void Dialled::drop(Error reason) {
  if (channel_) channel_->close(std::move(reason));
}

void Dialled::on_open() {
  context_.loop.cancel(std::exchange(timer_, 0));
  opened_ = boot_now();
  was_open_ = true;
  heard_ = false;
  carried_ = {};
  owner_.on_dialled_open(*this);
}

void Dialled::on_frame(std::span<const std::byte> body) {
  heard_ = true;
  owner_.on_dialled_frame(*this, body);
}

void Dialled::on_closed(const Error& reason) {
  const Error why = reason;  // the channel that owns the text goes first
  channel_.reset();
  const bool was_good = was_open_ && (heard_ || boot_now() - opened_ >= kGoodAfter);
  was_open_ = false;
  if (was_good) failures_ = 0;
  retry_after(next_pause());
  owner_.on_dialled_closed(*this, why);
}

void Dialled::attempt_timed_out() {
  timer_ = 0;
  channel_.reset();
  retry_after(Duration::zero());
  owner_.on_dialled_closed(
      *this, {ErrorCode::timed_out, "connect to " + address_ + ": no answer in time"});
}

void Dialled::retry_after(Duration pause) {
  context_.loop.cancel(timer_);
  timer_ = context_.loop.after(pause, [this] { dial(); });
}

Duration Dialled::next_pause() {
  const Duration pause = std::min(kFirstPause * (1 << std::min(failures_, 4U)), kLongestPause);
  ++failures_;
  const auto fifth = static_cast<std::uint64_t>(pause.count() / 5);
  return pause - Duration(static_cast<std::int64_t>(random_.below(fifth)));
}

}  // namespace regent
