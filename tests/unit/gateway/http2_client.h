#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "security/openssl.h"

// A client of HTTP/2 over TLS: nghttp2's own client side over a blocking socket, with a time limit
// on every wait. It can also say what no client should, frame by frame.
namespace regent::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What has come back for one request.
struct Http2Answer {
  unsigned status = 0;  // 0: no final head yet
  std::vector<unsigned> interim;
  Fields fields;
  Fields trailers;
  std::string body;
  std::size_t body_bytes = 0;  // also of a body that is not kept
  bool trailing = false;       // the final head is complete
  bool ended = false;          // by END_STREAM
  bool closed = false;
  std::uint32_t code = 0;  // of the closing
  std::string field(const std::string& name) const;  // "" when missing
};

class Http2Client {
 public:
  struct Options {
    bool slow = false;  // opens no stream's window by itself: see take()
    bool greets = true;  // sends the preface and SETTINGS
  };
  Http2Client(const std::string& host, std::uint16_t port, Options options);
  Http2Client(const std::string& host, std::uint16_t port) : Http2Client(host, port, Options{}) {}
  ~Http2Client();
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  // Begins a request. fields: after method, scheme, authority and path. body: sent as far as the
  // windows allow; nullopt: none. trailers follow it. Returns the stream.
  std::int32_t begin(const std::string& method, const std::string& path, const Fields& fields = {},
                     std::optional<std::string> body = {}, const Fields& trailers = {});
  // The same with exactly these fields; open: without END_STREAM, and without anything behind.
  std::int32_t begin_with(const Fields& fields, bool open = false);
  // Carries frames until the condition holds; false when nothing comes for ten seconds, or the
  // connection has ended before.
  bool run_until(const std::function<bool()>& condition);
  // Until the stream is closed.
  const Http2Answer& wait(std::int32_t id);
  const Http2Answer& get(const std::string& path) { return wait(begin("GET", path)); }
  const Http2Answer& answer(std::int32_t id) { return answers_[id]; }
  // Opens the stream's window for what has come so far.
  void take(std::int32_t id);
  void reset(std::int32_t id, std::uint32_t code = NGHTTP2_CANCEL);
  void ping();
  void flush();
  // Bytes as they are, after what is queued. From then on only resets(), finished() and goaway()
  // are kept.
  void send_raw(std::string_view bytes);
  static std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id,
                           std::string_view payload);

  bool wait_for_end();  // of the connection
  bool ended() const { return ended_; }
  std::optional<std::uint32_t> goaway() const { return goaway_; }  // the last one's code
  std::uint32_t goaway_last_stream() const { return goaway_last_; }
  int pings_answered() const { return pongs_; }
  // The codes of RST_STREAM frames, after raw bytes.
  const std::map<std::uint32_t, std::uint32_t>& resets() const { return resets_; }
  // Streams that were ended by END_STREAM, after raw bytes.
  const std::set<std::uint32_t>& finished() const { return finished_; }
  std::string certificate() const;  // that the gateway has shown, DER
  nghttp2_session* frames() { return frames_; }

 private:
  struct Callbacks;
  struct Body {
    std::string data;
    std::size_t sent = 0;
    Fields trailers;
  };
  bool read_some(int limit_ms);
  void scan(std::string_view bytes);
  void write_all(std::string_view bytes);

  const Options options_;
  int fd_ = -1;
  SslContextOwner context_;
  SslOwner ssl_;
  nghttp2_session* frames_ = nullptr;
  std::map<std::int32_t, Http2Answer> answers_;
  std::map<std::int32_t, Body> bodies_;
  std::map<std::int32_t, std::size_t> untaken_;
  bool ended_ = false;
  bool raw_ = false;
  std::string unread_;
  std::optional<std::uint32_t> goaway_;
  std::uint32_t goaway_last_ = 0;
  int pongs_ = 0;
  std::map<std::uint32_t, std::uint32_t> resets_;
  std::set<std::uint32_t> finished_;
};

}  // namespace regent::test
