#include "region/channel.h"

#include <array>
#include <utility>

namespace regent {
namespace {

constexpr std::size_t kHeaderBytes = 4;

std::size_t read_length(std::span<const std::byte> header) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kHeaderBytes; ++i) {
    length = length << 8 | std::to_integer<std::size_t>(header[i]);
  }
  return length;
}

}  // namespace

std::unique_ptr<Channel> Channel::connect(EventLoop& loop, const Poco::Net::SocketAddress& to,
                                          const std::optional<Poco::Net::SocketAddress>& source,
                                          Stream::Tls tls, Handler& handler) {
  std::unique_ptr<Channel> channel(new Channel(loop, handler));
  channel->stream_ = Stream::connect(loop, to, source, std::move(tls), *channel);
  return channel;
}

std::unique_ptr<Channel> Channel::accepted(EventLoop& loop, Poco::Net::StreamSocket socket,
                                           Stream::Tls tls, Handler& handler) {
  std::unique_ptr<Channel> channel(new Channel(loop, handler));
  channel->stream_ = Stream::accepted(loop, std::move(socket), std::move(tls), *channel);
  return channel;
}

Channel::~Channel() {
  *alive_ = false;
}

bool Channel::send(std::string_view body) {
  CHECK(!body.empty());
  if (closing_) return false;
  if (body.size() > kMaxFrameBytes) {
    close({ErrorCode::invalid, "a message of " + std::to_string(body.size()) +
                                   " bytes is too long to send, at most " +
                                   std::to_string(kMaxFrameBytes) + " are allowed"});
    return false;
  }
  if (stream_->queued_bytes() + body.size() > kMaxQueuedBytes) {
    close({ErrorCode::unavailable,
           "the peer does not read: " + std::to_string(stream_->queued_bytes()) +
               " bytes are waiting for it"});
    return false;
  }
  std::string frame;
  frame.reserve(kHeaderBytes + body.size());
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(body.size() >> shift);
  frame += body;
  stream_->write(frame);
  return true;
}

void Channel::close(Error reason) {
  if (closing_) return;
  closing_ = true;
  loop_.post([this, alive = alive_, why = std::move(reason)] {
    if (!*alive) return;
    stream_->pause_reading();
    handler_.on_closed(why);
  });
}

bool Channel::open() const {
  return !closing_ && stream_->open();
}

void Channel::on_open() {
  if (!closing_) handler_.on_open();
}

void Channel::on_data(std::span<const std::byte> data) {
  if (closing_) return;
  const auto alive = alive_;
  if (inbox_.empty()) {
    const std::size_t used = take_frames(data);
    if (!*alive || closing_) return;
    data = data.subspan(used);
    inbox_.assign(reinterpret_cast<const char*>(data.data()), data.size());
    return;
  }
  std::string bytes = std::exchange(inbox_, {});
  bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
  const std::size_t used = take_frames(std::as_bytes(std::span(bytes)));
  if (!*alive || closing_) return;
  inbox_ = std::move(bytes);
  inbox_.erase(0, used);
}

std::size_t Channel::take_frames(std::span<const std::byte> data) {
  const auto alive = alive_;
  std::size_t used = 0;
  while (data.size() - used >= kHeaderBytes) {
    const std::size_t length = read_length(data.subspan(used));
    if (length == 0 || length > kMaxFrameBytes) {
      close({ErrorCode::invalid, "a frame of " + std::to_string(length) +
                                     " bytes, allowed are 1 to " + std::to_string(kMaxFrameBytes)});
      break;
    }
    if (data.size() - used < kHeaderBytes + length) break;
    handler_.on_frame(data.subspan(used + kHeaderBytes, length));
    if (!*alive || closing_) break;
    used += kHeaderBytes + length;
  }
  return used;
}

void Channel::on_end() {
  close({ErrorCode::unavailable, "closed by the peer"});
}

void Channel::on_closed(const Error& reason) {
  if (!std::exchange(closing_, true)) handler_.on_closed(reason);
}

}  // namespace regent
