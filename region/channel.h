#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "region/stream.h"

namespace regent {

// Frames over one mutual-TLS connection: a 4-byte big-endian length, then that many bytes.
// Everything on the loop's thread. May be destroyed from inside its handler's calls.
class Channel : private Stream::Handler {
 public:
  static constexpr std::size_t kMaxFrameBytes = 1024 * 1024;
  static constexpr std::size_t kMaxQueuedBytes = 4 * kMaxFrameBytes;

  struct Handler {
    virtual ~Handler() = default;
    virtual void on_open() = 0;
    virtual void on_frame(std::span<const std::byte> body) = 0;  // valid during the call only
    // Over, with the reason: connection lost, refused, a frame of 0 or more than kMaxFrameBytes
    // bytes, a peer that does not read. Nothing more is called.
    virtual void on_closed(const Error& reason) = 0;
  };

  static std::unique_ptr<Channel> connect(EventLoop& loop, const Poco::Net::SocketAddress& to,
                                          const std::optional<Poco::Net::SocketAddress>& source,
                                          Stream::Tls tls, Handler& handler);
  static std::unique_ptr<Channel> accepted(EventLoop& loop, Poco::Net::StreamSocket socket,
                                           Stream::Tls tls, Handler& handler);
  ~Channel() override;

  // Sends a frame. When more than kMaxQueuedBytes wait already, the channel closes instead (told
  // by a later event). False: the frame will not be sent.
  bool send(std::string_view body);
  // Closes; on_closed(reason) follows by a later event.
  void close(Error reason);

  bool open() const;
  const Stream& stream() const { return *stream_; }
  Stream& stream() { return *stream_; }

 private:
  Channel(EventLoop& loop, Handler& handler) : loop_(loop), handler_(handler) {}
  void on_open() override;
  void on_data(std::span<const std::byte> data) override;
  void on_end() override;
  void on_drained() override {}
  void on_closed(const Error& reason) override;
  // Hands out the whole frames at the start of `data`; returns how many bytes that took.
  std::size_t take_frames(std::span<const std::byte> data);

  EventLoop& loop_;
  Handler& handler_;
  std::unique_ptr<Stream> stream_;
  std::string inbox_;  // an unfinished frame
  bool closing_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace regent
