#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "gateway/http2_frame_scan.h"
#include "gateway/http2_guard.h"
#include "gateway/http2_open_streams.h"
#include "gateway/http2_stream.h"
#include "gateway/progress_budget.h"
#include "gateway/proxy_context.h"
#include "gateway/session.h"
#include "region/stream.h"

namespace regent {

// A client's connection that speaks HTTP/2 (RFC 9113), framed and checked by nghttp2, with an
// exchange for each stream. Loop's thread.
//
// Frames are sent by flush() alone, which never runs inside nghttp2's callbacks. An exchange may
// call it when it has said all that one event brought, so nothing that flush() does may call back
// into an exchange that is at work: streams that close then are left to reap().
class Http2Session final : public Session, private Stream::Handler {
 public:
  static constexpr std::uint32_t kMaxStreams = 100;  // at once
  // Streams with those whose client is gone but whose write is still at the backend; above it a new
  // one is refused (REFUSED_STREAM: it may be sent again).
  static constexpr std::size_t kMaxRequests = 2 * kMaxStreams;
  static constexpr std::uint32_t kStreamWindowBytes = 256 * 1024;
  static constexpr std::uint32_t kConnectionWindowBytes = 1024 * 1024;
  // Answers that wait for the client's windows; above it each stream's backend has to wait.
  static constexpr std::size_t kMaxPendingBytes = 1024 * 1024;
  // Bytes for the socket; above it no frames are made and none are read.
  static constexpr std::size_t kMaxQueuedBytes = 256 * 1024;
  // A list of headers this many times as large as is allowed ends the connection.
  static constexpr std::size_t kHopelessFactor = 4;
  static constexpr std::size_t kMaxContinuations = 8;  // frames of one head
  static constexpr std::size_t kMaxSettings = 32;      // entries of one frame
  static constexpr std::size_t kMaxAnswersQueued = 1000;  // to PING and SETTINGS
  static constexpr std::size_t kSpareStreams = 4;         // kept for reuse
  // After the first GOAWAY, for the client to hear of it.
  static constexpr Duration kGoawayLimit = std::chrono::seconds(1);

  // Takes over a connection that has agreed on "h2". The session must be added to `sessions`.
  Http2Session(ProxyContext& context, SessionSet& sessions, std::uint32_t service,
               std::unique_ptr<Stream> stream, std::string client_address);

  void tick(Instant now) override;
  void services_changed() override;
  void wind_down() override;
  void cut_off() override;

  // For the streams.
  ProxyContext& context() { return context_; }
  std::uint32_t service() const { return service_; }
  const std::string& client_address() const { return client_address_; }
  const Timeouts& timeouts() const { return timeouts_; }
  void set_timeouts(const Timeouts& timeouts) { timeouts_ = timeouts; }
  nghttp2_session* frames() { return frames_.get(); }
  std::size_t pending_bytes() const { return pending_bytes_; }
  void pending_changed(std::size_t added, std::size_t taken) {
    pending_bytes_ += added;
    pending_bytes_ -= taken;
  }
  Http2AnswerHead& answer_fields() { return answer_fields_; }
  RequestHead& request() { return request_; }
  // Frames were handed over: they leave now, or soon together with others'.
  void frames_ready();
  // A closed stream's exchange is over.
  void done_with(Http2Stream& stream);
  // Says why with GOAWAY and ends the connection, with all that is under way.
  void end(std::uint32_t code);

 private:
  struct Callbacks;
  friend struct Callbacks;
  enum class State : std::uint8_t { open, leaving, lingering, gone };
  struct FreeFrames {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  void on_open() override {}
  void on_data(std::span<const std::byte> data) override;
  void on_end() override;
  void on_drained() override;
  void on_closed(const Error& reason) override;

  // What nghttp2 reports; not 0 ends the connection. Defined in http2_frames.cpp.
  bool scan(std::string_view bytes);
  std::uint32_t judge(const Http2FrameScan::Head& frame);
  int frame_begins(const nghttp2_frame_hd& frame);
  void settings_begin();
  void settings_read();
  int head_begins(const nghttp2_frame& frame);
  int field(const nghttp2_frame& frame, std::string_view name, std::string_view value);
  int body(std::int32_t id, std::string_view data);
  int frame_read(const nghttp2_frame& frame);
  int invalid_frame();
  void frame_sent(const nghttp2_frame& frame);
  int stream_closed(std::int32_t id, std::uint32_t code);
  int count(Http2Guard::Kind kind, const char* what);
  int flood(const char* what);

  void flush();
  void write(std::string& gathered);
  void tick_open(Instant now);
  void flush_soon();
  void after_event();
  void reap();
  void leave_all();
  void tick_lingering(Instant now);
  void leave_for_good();
  bool finished() const;
  void calm_down();
  void linger();
  void retire();
  Http2Stream* stream_of(std::int32_t id);
  Http2Stream& new_stream();
  void recycle(Http2Stream& stream);

  ProxyContext& context_;
  SessionSet& sessions_;
  const std::uint32_t service_;
  std::unique_ptr<Stream> stream_;
  const std::string client_address_;
  Timeouts timeouts_;  // of the service, as of the last request
  State state_ = State::open;
  std::unique_ptr<nghttp2_session, FreeFrames> frames_;
  Http2Guard guard_;
  Http2OpenStreams open_streams_;
  Http2FrameScan scan_;
  Instant frame_since_{};  // when the last frame began
  std::vector<std::unique_ptr<Http2Stream>> streams_;  // in use, then spare ones
  std::size_t in_use_ = 0;
  std::vector<Http2Stream*> begun_;   // by what is being read
  std::vector<Http2Stream*> closed_;  // whose exchange has to be told
  std::size_t pending_bytes_ = 0;
  Http2AnswerHead answer_fields_;
  RequestHead request_;
  const char* flood_ = nullptr;  // of what the client sent too much
  bool ended_ = false;           // by end()
  bool busy_ = false;            // inside nghttp2
  bool reading_paused_ = false;
  std::int64_t window_ = 0;          // initial, of streams, before the SETTINGS that are being read
  std::int64_t largest_window_ = 0;  // of a stream, then
  bool head_open_ = false;           // a head's last frame has not begun
  Instant head_since_{};
  bool greeted_ = false;  // the client's first SETTINGS have come
  bool last_goaway_sent_ = false;
  Instant since_{};  // when the last stream ended, or lingering began
  Instant leaving_since_{};
  DrainBudget taking_;  // of the client, while the socket's queue is not empty
  // Whether a flush was posted; outlives the session with the task.
  const std::shared_ptr<bool> posted_ = std::make_shared<bool>(false);
};

}  // namespace regent
