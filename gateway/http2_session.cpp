#include "gateway/http2_session.h"

#include <algorithm>
#include <utility>

#include "region/log.h"

namespace regent {
namespace {

// What leaves in one system call at most.
constexpr std::size_t kGatherBytes = 64 * 1024;
constexpr std::size_t kRecordBytes = 29;   // what TLS adds to a record at most
constexpr std::uint8_t kFarewell[8] = {'f', 'a', 'r', 'e', 'w', 'e', 'l', 'l'};

}  // namespace

Http2Stream* Http2Session::stream_of(std::int32_t id) {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(frames_.get(), id));
}

void Http2Session::on_data(std::span<const std::byte> data) {
  if (state_ >= State::lingering) return;
  if (!scan({reinterpret_cast<const char*>(data.data()), data.size()})) return;
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

// A look at the bytes before nghttp2 gets them. False: they have ended the connection.
bool Http2Session::scan(std::string_view bytes) {
  const bool inside = scan_.inside();
  const std::uint64_t frames = scan_.frames();
  while (const auto frame = scan_.next(bytes)) {
    const std::uint32_t code = judge(*frame);
    if (code == NGHTTP2_NO_ERROR) continue;
    if (flood_) {
      calm_down();
    } else {
      end(code);
    }
    return false;
  }
  if (!inside || scan_.frames() != frames) frame_since_ = context_.tick_now;
  return true;
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
    gathered.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
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
  // Nothing else can come before its end, for whichever stream it is.
  const bool stuck = (head_open_ && now - head_since_ >= timeouts_.head) ||
                     (scan_.inside() && now - frame_since_ >= timeouts_.head);
  if (stuck) return end(NGHTTP2_ENHANCE_YOUR_CALM);
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
