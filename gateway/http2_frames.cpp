// What nghttp2 reports of an HTTP/2 connection while it reads and sends.
#include <algorithm>
#include <limits>

#include "gateway/http2_session.h"

namespace regent {
namespace {

constexpr const char* kEmptyData = "empty DATA frames";

std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

// nghttp2's callbacks, with the session behind its pointer.
struct Http2Session::Callbacks {
  static Http2Session& session(void* data) { return *static_cast<Http2Session*>(data); }

  static nghttp2_session_callbacks* all() {
    static nghttp2_session_callbacks* const made = make();
    return made;
  }
  static nghttp2_option* options() {
    static nghttp2_option* const made = [] {
      nghttp2_option* option = nullptr;
      CHECK(nghttp2_option_new(&option) == 0);
      nghttp2_option_set_no_auto_window_update(option, 1);
      nghttp2_option_set_no_closed_streams(option, 1);
      nghttp2_option_set_max_outbound_ack(option, kMaxAnswersQueued);
      nghttp2_option_set_max_settings(option, kMaxSettings);
      nghttp2_option_set_max_continuations(option, kMaxContinuations);
      return option;
    }();
    return made;
  }

 private:
  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* made = nullptr;
    CHECK(nghttp2_session_callbacks_new(&made) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(
        made, [](nghttp2_session*, const nghttp2_frame_hd* frame, void* data) {
          return session(data).frame_begins(*frame);
        });
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* data) {
          return session(data).head_begins(*frame);
        });
    nghttp2_session_callbacks_set_on_header_callback(made, on_field);
    nghttp2_session_callbacks_set_on_invalid_header_callback(made, on_invalid_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_body);
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* data) {
          return session(data).frame_read(*frame);
        });
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
        made, [](nghttp2_session*, const nghttp2_frame*, int, void* data) {
          return session(data).invalid_frame();
        });
    nghttp2_session_callbacks_set_on_frame_send_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* data) {
          session(data).frame_sent(*frame);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        made, [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* data) {
          return session(data).stream_closed(id, code);
        });
    return made;
  }
  static int on_field(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* data) {
    return session(data).field(*frame, text_of(name, name_size), text_of(value, value_size));
  }
  // Where nghttp2 would drop a malformed field, the request is refused: the stream is reset.
  static int on_invalid_field(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                              std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int on_body(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t size, void* data) {
    return session(data).body(id, text_of(bytes, size));
  }
};

Http2Session::Http2Session(ProxyContext& context, SessionSet& sessions, std::uint32_t service,
                           std::unique_ptr<Stream> stream, std::string client_address)
    : context_(context),
      sessions_(sessions),
      service_(service),
      stream_(std::move(stream)),
      client_address_(std::move(client_address)),
      timeouts_(context.service(service)->timeouts),
      since_(context.tick_now) {
  nghttp2_session* made = nullptr;
  CHECK(nghttp2_session_server_new2(&made, Callbacks::all(), this, Callbacks::options()) == 0);
  frames_.reset(made);
  stream_->set_handler(*this);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxHeadBytes},
      // The priorities of RFC 7540 are deprecated, and costly.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}};
  nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes);
  flush();
}

int Http2Session::frame_begins(const nghttp2_frame_hd& frame) {
  using Kind = Http2Guard::Kind;
  switch (frame.type) {
    case NGHTTP2_HEADERS:
      head_open_ = (frame.flags & NGHTTP2_FLAG_END_HEADERS) == 0;
      head_since_ = context_.tick_now;
      return 0;
    case NGHTTP2_CONTINUATION:
      head_open_ = (frame.flags & NGHTTP2_FLAG_END_HEADERS) == 0;
      return 0;
    case NGHTTP2_RST_STREAM:  // counted with the stream that it ends
      return 0;
    case NGHTTP2_DATA:
      if (frame.length > 0 || (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0) return 0;
      return count(Kind::empty, kEmptyData);
    case NGHTTP2_PING:
      return (frame.flags & NGHTTP2_FLAG_ACK) != 0 ? 0 : count(Kind::ping, "PING frames");
    case NGHTTP2_SETTINGS:
      if ((frame.flags & NGHTTP2_FLAG_ACK) != 0) return 0;
      settings_begin();
      return count(Kind::settings, "SETTINGS frames");
    case NGHTTP2_WINDOW_UPDATE:
      return count(Kind::window_update, "WINDOW_UPDATE frames");
    case NGHTTP2_PRIORITY:
      // nghttp2 looks at their size only, since we have said that they mean nothing here.
      if (frame.stream_id == 0) {
        nghttp2_session_terminate_session(frames_.get(), NGHTTP2_PROTOCOL_ERROR);
      }
      return count(Kind::priority, "PRIORITY frames");
    default:
      return count(Kind::other, "frames that mean nothing here");
  }
}

// Of what nghttp2 does not report. Returns the connection error, or NGHTTP2_NO_ERROR.
std::uint32_t Http2Session::judge(const Http2FrameScan::Head& frame) {
  using Verdict = Http2OpenStreams::Verdict;
  if (frame.kind > Http2FrameScan::kLastKnown) {
    const bool pass = count(Http2Guard::Kind::other, "frames of unknown kinds") == 0;
    return pass ? NGHTTP2_NO_ERROR : NGHTTP2_ENHANCE_YOUR_CALM;
  }
  if (frame.stream % 2 == 0) return NGHTTP2_NO_ERROR;  // not for a client to use: nghttp2 says so
  if (frame.kind == NGHTTP2_RST_STREAM) open_streams_.reset(frame.stream);
  if (frame.kind != NGHTTP2_HEADERS && frame.kind != NGHTTP2_DATA) return NGHTTP2_NO_ERROR;
  const Verdict verdict = open_streams_.frame(frame.stream, frame.kind == NGHTTP2_HEADERS,
                                              (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0);
  if (verdict == Verdict::passes) return NGHTTP2_NO_ERROR;
  return verdict == Verdict::closed ? NGHTTP2_STREAM_CLOSED : NGHTTP2_PROTOCOL_ERROR;
}

void Http2Session::settings_begin() {
  const auto setting = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE;
  window_ = nghttp2_session_get_remote_settings(frames_.get(), setting);
  largest_window_ = 0;
  for (std::size_t i = 0; i < in_use_; ++i) {
    if (streams_[i]->is_closed()) continue;
    const std::int64_t window =
        nghttp2_session_get_stream_remote_window_size(frames_.get(), streams_[i]->id());
    largest_window_ = std::max(largest_window_, window);
  }
}

// RFC 9113, 6.9.2: a stream's window that overflows ends the connection. nghttp2 ends the stream.
void Http2Session::settings_read() {
  const auto setting = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE;
  const std::int64_t now = nghttp2_session_get_remote_settings(frames_.get(), setting);
  if (largest_window_ + now - window_ <= std::numeric_limits<std::int32_t>::max()) return;
  nghttp2_session_terminate_session(frames_.get(), NGHTTP2_FLOW_CONTROL_ERROR);
}

int Http2Session::head_begins(const nghttp2_frame& frame) {
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  if (in_use_ >= kMaxRequests) {
    nghttp2_submit_rst_stream(frames_.get(), NGHTTP2_FLAG_NONE, frame.hd.stream_id,
                              NGHTTP2_REFUSED_STREAM);
    return 0;
  }
  Http2Stream& stream = new_stream();
  stream.open(frame.hd.stream_id);
  nghttp2_session_set_stream_user_data(frames_.get(), frame.hd.stream_id, &stream);
  return 0;
}

int Http2Session::field(const nghttp2_frame& frame, std::string_view name,
                        std::string_view value) {
  Http2Stream* stream = stream_of(frame.hd.stream_id);
  if (stream == nullptr) return 0;
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) {
    stream->trailer(name, value);
    return 0;
  }
  stream->field(name, value);
  return stream->list_bytes() <= kHopelessFactor * kMaxHeadBytes ? 0 : flood("headers");
}

int Http2Session::body(std::int32_t id, std::string_view data) {
  if (Http2Stream* stream = stream_of(id)) {
    stream->data(data);
  } else {
    nghttp2_session_consume(frames_.get(), id, data.size());  // of a refused stream
  }
  return 0;
}

int Http2Session::frame_read(const nghttp2_frame& frame) {
  greeted_ |= frame.hd.type == NGHTTP2_SETTINGS;
  if (frame.hd.type == NGHTTP2_SETTINGS && (frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) {
    settings_read();
  }
  if (frame.hd.type == NGHTTP2_DATA && frame.hd.length > 0 &&
      frame.data.padlen == frame.hd.length) {
    if (const int flooded = count(Http2Guard::Kind::empty, kEmptyData)) return flooded;
  }
  if (frame.hd.type == NGHTTP2_PING && (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
      state_ == State::leaving) {
    leave_for_good();
  }
  const bool head = frame.hd.type == NGHTTP2_HEADERS;
  if (!head && frame.hd.type != NGHTTP2_DATA) return 0;
  Http2Stream* stream = stream_of(frame.hd.stream_id);
  if (stream == nullptr) return 0;
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (head && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    stream->head_complete(ends);
    if (!ends) begun_.push_back(stream);
  } else if (ends) {
    stream->body_complete();
  }
  return 0;
}

// nghttp2 answers it; a client that keeps sending such frames is no client.
int Http2Session::invalid_frame() {
  return count(Http2Guard::Kind::reset, "malformed frames");
}

void Http2Session::frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_DATA) guard_.data_sent();
  const bool ends = frame.hd.type == NGHTTP2_DATA || frame.hd.type == NGHTTP2_HEADERS;
  if (!ends || (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  if (Http2Stream* stream = stream_of(frame.hd.stream_id)) stream->answer_sent();
}

int Http2Session::stream_closed(std::int32_t id, std::uint32_t code) {
  since_ = context_.tick_now;
  Http2Stream* stream = stream_of(id);
  // Ended early, by whichever side: work was begun that nobody wants any more.
  const bool early = code != NGHTTP2_NO_ERROR && (stream == nullptr || !stream->broken());
  if (stream != nullptr) {
    nghttp2_session_set_stream_user_data(frames_.get(), id, nullptr);
    std::erase(begun_, stream);
    if (stream->closed()) {
      recycle(*stream);
    } else if (!stream->answer_ended()) {
      closed_.push_back(stream);
    }
  }
  return early ? count(Http2Guard::Kind::reset, "streams that were reset") : 0;
}

}  // namespace regent
