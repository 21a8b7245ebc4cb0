#include "gateway/http2_session.h"

#include <algorithm>
#include <utility>

#include "region/log.h"

namespace regent {
namespace {

// What leaves in one system call at most.
constexpr std::size_t kGatherBytes = 64 * 1024;
constexpr std::size_t kPriorityBytes = 5;  // RFC 9113, 6.3
constexpr std::size_t kRecordBytes = 29;   // what TLS adds to a record at most
constexpr const char* kEmptyData = "empty DATA frames";
constexpr std::uint8_t kFarewell[8] = {'f', 'a', 'r', 'e', 'w', 'e', 'l', 'l'};

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

Http2Stream* Http2Session::stream_of(std::int32_t id) {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(frames_.get(), id));
}

void Http2Session::on_data(std::span<const std::byte> data) {
  if (state_ >= State::lingering) return;
  busy_ = true;
  const ssize_t used = nghttp2_session_mem_recv(
      frames_.get(), reinterpret_cast<const std::uint8_t*>(data.data()), data.size());
  busy_ = false;
  const auto begun = std::exchange(begun_, {});
  if (used < 0 && !flood_) {
    if (used == NGHTTP2_ERR_FLOODED) flood("frames that have to be answered");
    if (used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) flood("CONTINUATION frames");
  }
  if (flood_) return calm_down();
  if (used < 0) return end(NGHTTP2_PROTOCOL_ERROR);
  // What of the bodies was at hand has joined the heads by now.
  for (Http2Stream* stream : begun) stream->go();
  after_event();
}

void Http2Session::calm_down() {
  if (context_.refusals.pass(client_address_ + flood_, context_.tick_now)) {
    log_event(LogLevel::warning, "client cut off",
              {{"address", client_address_}, {"reason", std::string("too many ") + flood_}});
  }
  end(NGHTTP2_ENHANCE_YOUR_CALM);
}

int Http2Session::flood(const char* what) {
  flood_ = what;
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Http2Session::count(Http2Guard::Kind kind, const char* what) {
  return guard_.pass(kind, context_.tick_now) ? 0 : flood(what);
}

int Http2Session::frame_begins(const nghttp2_frame_hd& frame) {
  using Kind = Http2Guard::Kind;
  switch (frame.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
    case NGHTTP2_RST_STREAM:  // counted with the stream that it ends
      return 0;
    case NGHTTP2_DATA:
      if (frame.length > 0 || (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0) return 0;
      return count(Kind::empty, kEmptyData);
    case NGHTTP2_PING:
      return (frame.flags & NGHTTP2_FLAG_ACK) != 0 ? 0 : count(Kind::ping, "PING frames");
    case NGHTTP2_SETTINGS:
      return (frame.flags & NGHTTP2_FLAG_ACK) != 0 ? 0 : count(Kind::settings, "SETTINGS frames");
    case NGHTTP2_WINDOW_UPDATE:
      return count(Kind::window_update, "WINDOW_UPDATE frames");
    case NGHTTP2_PRIORITY:
      // nghttp2 looks at none of them, since we have said that they mean nothing here.
      if (frame.stream_id == 0) {
        nghttp2_session_terminate_session(frames_.get(), NGHTTP2_PROTOCOL_ERROR);
      } else if (frame.length != kPriorityBytes) {
        nghttp2_session_terminate_session(frames_.get(), NGHTTP2_FRAME_SIZE_ERROR);
      }
      return count(Kind::priority, "PRIORITY frames");
    default:
      return 0;
  }
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

Http2Stream& Http2Session::new_stream() {
  if (in_use_ == streams_.size()) streams_.push_back(std::make_unique<Http2Stream>(*this));
  streams_[in_use_]->set_place(in_use_);
  return *streams_[in_use_++];
}

// Out of use, but not destroyed: the stream's exchange may be the one that is calling.
void Http2Session::recycle(Http2Stream& stream) {
  std::erase(closed_, &stream);
  const std::size_t place = stream.place();
  stream.put_away();
  --in_use_;
  if (place == in_use_) return;
  std::swap(streams_[place], streams_[in_use_]);
  streams_[place]->set_place(place);
}

void Http2Session::done_with(Http2Stream& stream) {
  recycle(stream);
  if (stream_ == nullptr && in_use_ == 0) retire();
}

void Http2Session::frames_ready() {
  if (busy_ || !stream_) return;
  // With other requests under way their answers may well leave together.
  if (in_use_ > 1) return flush_soon();
  flush();
  if (!closed_.empty() || finished()) flush_soon();
}

void Http2Session::flush_soon() {
  if (std::exchange(*posted_, true)) return;
  context_.loop.post([this, posted = std::weak_ptr<bool>(posted_)] {
    const auto alive = posted.lock();
    if (!alive) return;
    *alive = false;
    after_event();
  });
}

// At the end of an event, when no exchange is at work.
void Http2Session::after_event() {
  if (state_ == State::gone) return;
  flush();
  while (!closed_.empty()) {
    reap();
    flush();
  }
  if (flood_ && !ended_) return calm_down();
  while (streams_.size() > in_use_ + kSpareStreams) streams_.pop_back();
  if (stream_ && state_ < State::lingering && finished()) linger();
}

void Http2Session::reap() {
  for (Http2Stream* stream : std::exchange(closed_, {})) {
    if (stream->leave()) recycle(*stream);
  }
}

bool Http2Session::finished() const {
  return (flood_ && !ended_) ||
         (nghttp2_session_want_read(frames_.get()) == 0 &&
          nghttp2_session_want_write(frames_.get()) == 0);
}

void Http2Session::flush() {
  if (!stream_ || busy_ || state_ >= State::lingering) return;
  // Shared by all sessions of a thread; empty between calls.
  static thread_local std::string gathered;
  busy_ = true;
  while (stream_->queued_bytes() + gathered.size() < kMaxQueuedBytes) {
    const std::uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(frames_.get(), &data);
    if (size <= 0) break;
    gathered.append(text_of(data, static_cast<std::size_t>(size)));
    if (gathered.size() >= kGatherBytes) write(gathered);
  }
  busy_ = false;
  if (!gathered.empty()) write(gathered);
  // A client that does not take what it is sent has no claim to be read.
  const bool full = stream_->queued_bytes() >= kMaxQueuedBytes;
  if (full == reading_paused_) return;
  reading_paused_ = full;
  if (full) {
    stream_->pause_reading();
  } else {
    stream_->resume_reading();
  }
}

void Http2Session::write(std::string& gathered) {
  if (stream_->queued_bytes() == 0) taking_.start(context_.tick_now, timeouts_.answer, 0);
  taking_.added(gathered.size() + kRecordBytes);
  stream_->write(gathered);
  gathered.clear();
}

void Http2Session::on_drained() {
  after_event();
}

void Http2Session::on_end() {
  // Nothing more can be asked, and HTTP/2 knows no half of a connection.
  on_closed({ErrorCode::unavailable, "closed by the client"});
}

void Http2Session::on_closed(const Error&) {
  stream_.reset();
  state_ = State::lingering;
  since_ = context_.tick_now;
  leave_all();
  if (in_use_ == 0) retire();
}

// The client is gone, for all of its streams.
void Http2Session::leave_all() {
  closed_.clear();
  for (std::size_t i = in_use_; i-- > 0;) {
    Http2Stream& stream = *streams_[i];
    if (!stream.is_closed()) stream.closed();
    if (stream.leave()) recycle(stream);
  }
}

// A connection error of ours: says so and ends the connection.
void Http2Session::end(std::uint32_t code) {
  ended_ = true;
  nghttp2_session_terminate_session(frames_.get(), code);
  flush();
  if (stream_) linger();
}

// Gives the client time to read what was sent: closing with unread bytes at hand would reset the
// connection under it.
void Http2Session::linger() {
  state_ = State::lingering;
  since_ = context_.tick_now;
  leave_all();
  if (reading_paused_) stream_->resume_reading();
  stream_->finish();
}

void Http2Session::services_changed() {
  if (!context_.service(service_)) wind_down();
}

void Http2Session::wind_down() {
  if (state_ != State::open) return;
  state_ = State::leaving;
  leaving_since_ = context_.tick_now;
  // The first GOAWAY refuses nothing; requests that cross it are served. When the client has
  // answered the PING it has seen it, and the second one says which requests were taken.
  nghttp2_submit_shutdown_notice(frames_.get());
  nghttp2_submit_ping(frames_.get(), NGHTTP2_FLAG_NONE, kFarewell);
  flush_soon();
}

void Http2Session::leave_for_good() {
  if (std::exchange(last_goaway_sent_, true)) return;
  nghttp2_submit_goaway(frames_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(frames_.get()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

void Http2Session::tick(Instant now) {
  if (state_ == State::gone) return;
  const std::size_t taken = stream_ ? taking_.look(now, stream_->queued_bytes()) : 0;
  for (std::size_t i = in_use_; i-- > 0;) {
    if (i < in_use_) streams_[i]->tick(now, taken);
  }
  if (state_ == State::lingering) return tick_lingering(now);
  if (state_ != State::gone) tick_open(now);
}

void Http2Session::tick_open(Instant now) {
  if (stream_->queued_bytes() > 0 && taking_.spent(now)) {
    return on_closed({ErrorCode::timed_out, "the client takes nothing, or too slowly"});
  }
  if (!greeted_ && now - since_ >= timeouts_.head) return end(NGHTTP2_SETTINGS_TIMEOUT);
  if (state_ == State::leaving && now - leaving_since_ >= kGoawayLimit) {
    leave_for_good();
    flush_soon();
  }
  if (in_use_ == 0 && now - since_ >= timeouts_.idle) end(NGHTTP2_NO_ERROR);
}

void Http2Session::tick_lingering(Instant now) {
  const bool heard = stream_ && stream_->queued_bytes() == 0;
  if (now - since_ >= (heard ? context_.limits.linger_timeout : timeouts_.answer)) stream_.reset();
  // The answer to a write may still be awaited.
  if (!stream_ && in_use_ == 0) retire();
}

void Http2Session::cut_off() {
  for (std::size_t i = in_use_; i-- > 0;) {
    if (i < in_use_ && streams_[i]->exchange().active()) streams_[i]->exchange().abandon();
  }
  flush();
  if (state_ != State::gone) retire();
}

void Http2Session::retire() {
  if (state_ == State::gone) return;
  state_ = State::gone;
  stream_.reset();
  sessions_.retire(*this);
}

}  // namespace regent
