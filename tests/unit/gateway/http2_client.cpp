#include "tests/unit/gateway/http2_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include <gtest/gtest.h>

#include "security/certificate.h"

namespace regent::test {
namespace {

constexpr int kWaitMs = 10'000;

std::string text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

std::vector<nghttp2_nv> list_of(const Fields& fields) {
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : fields) {
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    list.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return list;
}

}  // namespace

std::string Http2Answer::field(const std::string& name) const {
  const auto found = std::ranges::find_if(fields, [&](const auto& f) { return f.first == name; });
  return found == fields.end() ? "" : found->second;
}

struct Http2Client::Callbacks {
  static Http2Client& client(void* data) { return *static_cast<Http2Client*>(data); }

  static int on_field(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* data) {
    Http2Answer& answer = client(data).answers_[frame->hd.stream_id];
    const std::string key = text_of(name, name_size);
    const std::string text = text_of(value, value_size);
    if (key == ":status") {
      const auto status = static_cast<unsigned>(std::stoul(text));
      if (status < 200) {
        answer.interim.push_back(status);
        answer.fields.clear();
      } else {
        answer.status = status;
      }
    } else {
      (answer.trailing ? answer.trailers : answer.fields).emplace_back(key, text);
    }
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t size, void* data) {
    Http2Client& self = client(data);
    Http2Answer& answer = self.answers_[id];
    answer.body_bytes += size;
    answer.body += text_of(bytes, size);
    self.untaken_[id] += size;
    if (self.options_.slow) nghttp2_session_consume_connection(self.frames_, size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    Http2Client& self = client(data);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self.goaway_ = frame->goaway.error_code;
      self.goaway_last_ = static_cast<std::uint32_t>(frame->goaway.last_stream_id);
    }
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) ++self.pongs_;
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
    Http2Answer& answer = self.answers_[frame->hd.stream_id];
    if (frame->hd.type == NGHTTP2_HEADERS && answer.status > 0) answer.trailing = true;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) answer.ended = true;
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* data) {
    Http2Answer& answer = client(data).answers_[id];
    answer.closed = true;
    answer.code = code;
    return 0;
  }
  static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer,
                           std::size_t room, std::uint32_t* flags, nghttp2_data_source*,
                           void* data) {
    Body& body = client(data).bodies_[id];
    const std::size_t count = std::min(room, body.data.size() - body.sent);
    std::memcpy(buffer, body.data.data() + body.sent, count);
    body.sent += count;
    if (body.sent < body.data.size()) return static_cast<ssize_t>(count);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!body.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto list = list_of(body.trailers);
      nghttp2_submit_trailer(session, id, list.data(), list.size());
    }
    return static_cast<ssize_t>(count);
  }
};

Http2Client::Http2Client(const std::string& host, std::uint16_t port, Options options)
    : options_(options), context_(SSL_CTX_new(TLS_client_method())) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Or small frames would wait for the acknowledgement of the ones before.
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ssl_.reset(SSL_new(context_.get()));
  const unsigned char protocols[] = "\x02h2";
  SSL_set_alpn_protos(ssl_.get(), protocols, 3);
  SSL_set_fd(ssl_.get(), fd_);
  EXPECT_EQ(SSL_connect(ssl_.get()), 1);
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &chosen, &size);
  EXPECT_EQ(text_of(chosen, size), "h2");

  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_field);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_close);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, options.slow ? 1 : 0);
  nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
  nghttp2_session_client_new2(&frames_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (!options.greets) return;
  nghttp2_submit_settings(frames_, NGHTTP2_FLAG_NONE, nullptr, 0);
  flush();
}

Http2Client::~Http2Client() {
  nghttp2_session_del(frames_);
  ::close(fd_);
}

std::int32_t Http2Client::begin(const std::string& method, const std::string& path,
                                const Fields& fields, std::optional<std::string> body,
                                const Fields& trailers) {
  Fields all{{":method", method}, {":scheme", "https"}, {":authority", "shop"}, {":path", path}};
  all.insert(all.end(), fields.begin(), fields.end());
  const auto list = list_of(all);
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::read_body;
  const std::int32_t id = nghttp2_submit_request(frames_, nullptr, list.data(), list.size(),
                                                 body ? &provider : nullptr, nullptr);
  EXPECT_GT(id, 0);
  answers_[id];
  if (body) bodies_[id] = {std::move(*body), 0, trailers};
  flush();
  return id;
}

std::int32_t Http2Client::begin_with(const Fields& fields, bool open) {
  const auto list = list_of(fields);
  const std::int32_t id =
      nghttp2_submit_headers(frames_, open ? NGHTTP2_FLAG_NONE : NGHTTP2_FLAG_END_STREAM, -1,
                             nullptr, list.data(), list.size(), nullptr);
  EXPECT_GT(id, 0);
  answers_[id];
  flush();
  return id;
}

void Http2Client::write_all(std::string_view bytes) {
  while (!bytes.empty() && !ended_) {
    const int put = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (put <= 0) {
      ended_ = true;
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

void Http2Client::flush() {
  const std::uint8_t* data = nullptr;
  while (const ssize_t size = nghttp2_session_mem_send(frames_, &data)) {
    if (size < 0) return;
    write_all(text_of(data, static_cast<std::size_t>(size)));
  }
}

void Http2Client::send_raw(std::string_view bytes) {
  if (options_.greets && !raw_) flush();
  raw_ = true;
  write_all(bytes);
}

// After raw bytes nghttp2 does not know what is going on, so the frames are read here.
void Http2Client::scan(std::string_view bytes) {
  constexpr std::size_t kHead = 9;
  unread_ += bytes;
  while (unread_.size() >= kHead) {
    const auto number = [&](std::size_t at, std::size_t size) {
      std::uint32_t value = 0;
      for (const char c : unread_.substr(at, size)) {
        value = value << 8 | static_cast<unsigned char>(c);
      }
      return value;
    };
    const std::size_t whole = kHead + number(0, 3);
    if (unread_.size() < whole) return;
    if (unread_[3] == NGHTTP2_RST_STREAM) resets_[number(5, 4)] = number(kHead, 4);
    const bool may_end = unread_[3] == NGHTTP2_DATA || unread_[3] == NGHTTP2_HEADERS;
    if (may_end && (unread_[4] & NGHTTP2_FLAG_END_STREAM) != 0) finished_.insert(number(5, 4));
    if (unread_[3] == NGHTTP2_GOAWAY) goaway_ = number(kHead + 4, 4);
    unread_.erase(0, whole);
  }
}

std::string Http2Client::frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id,
                               std::string_view payload) {
  std::string out;
  const auto size = static_cast<std::uint32_t>(payload.size());
  for (const unsigned shift : {16U, 8U, 0U}) out.push_back(static_cast<char>(size >> shift));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out.push_back(static_cast<char>(id >> shift));
  return out.append(payload);
}

bool Http2Client::read_some(int limit_ms) {
  if (ended_) return false;
  if (SSL_pending(ssl_.get()) == 0) {
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, limit_ms) <= 0) return false;
  }
  char buffer[16384];
  const int got = SSL_read(ssl_.get(), buffer, sizeof buffer);
  if (got <= 0) {
    ended_ = true;
    return false;
  }
  if (raw_ || !options_.greets) {
    scan({buffer, static_cast<std::size_t>(got)});
    return true;
  }
  const ssize_t used = nghttp2_session_mem_recv(
      frames_, reinterpret_cast<const std::uint8_t*>(buffer), static_cast<std::size_t>(got));
  EXPECT_EQ(used, got) << nghttp2_strerror(static_cast<int>(used));
  flush();
  return true;
}

bool Http2Client::run_until(const std::function<bool()>& condition) {
  const auto limit = [] {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(kWaitMs);
  };
  auto end = limit();
  if (options_.greets && !raw_) flush();
  while (!condition()) {
    if (ended_ || std::chrono::steady_clock::now() > end) return false;
    if (read_some(50)) end = limit();
  }
  return true;
}

const Http2Answer& Http2Client::wait(std::int32_t id) {
  EXPECT_TRUE(run_until([&] { return answers_[id].closed; }))
      << "stream " << id << (ended_ ? ": the connection ended" : ": no answer in time")
      << (goaway_ ? ", GOAWAY " + std::to_string(*goaway_) : "");
  return answers_[id];
}

std::string Http2Client::certificate() const {
  return certificate_der(SSL_get0_peer_certificate(ssl_.get()));
}

void Http2Client::take(std::int32_t id) {
  nghttp2_session_consume_stream(frames_, id, std::exchange(untaken_[id], 0));
  flush();
}

void Http2Client::reset(std::int32_t id, std::uint32_t code) {
  nghttp2_submit_rst_stream(frames_, NGHTTP2_FLAG_NONE, id, code);
  flush();
}

void Http2Client::ping() {
  nghttp2_submit_ping(frames_, NGHTTP2_FLAG_NONE, nullptr);
  flush();
}

bool Http2Client::wait_for_end() {
  run_until([] { return false; });
  return ended_;
}

}  // namespace regent::test
