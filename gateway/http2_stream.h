#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nghttp2/nghttp2.h>

#include "gateway/exchange_client.h"
#include "gateway/http2_head.h"
#include "gateway/http_exchange.h"
#include "gateway/http_trailers.h"
#include "gateway/progress_budget.h"

namespace regent {

class Http2Session;

// One request of an HTTP/2 connection and the answer to it. Reused for later ones of the same
// connection. Frames are handed to nghttp2 here, but sent by the session alone. Loop's thread.
class Http2Stream final : private ExchangeClient {
 public:
  explicit Http2Stream(Http2Session& session);

  // A request's head begins on this stream.
  void open(std::int32_t id);
  bool in_use() const { return id_ != 0; }
  std::int32_t id() const { return id_; }
  void put_away() { id_ = 0; }
  // Where the session keeps it.
  std::size_t place() const { return place_; }
  void set_place(std::size_t place) { place_ = place; }
  HttpExchange& exchange() { return exchange_; }

  // What the client sends.
  void field(std::string_view name, std::string_view value) { head_.add(name, value); }
  void trailer(std::string_view name, std::string_view value);
  std::size_t list_bytes() const { return head_.list_bytes(); }
  void head_complete(bool ends);
  void data(std::string_view data);
  void body_complete();
  // What has come at once has been read: the request can go its way.
  void go();

  // nghttp2 has forgotten the stream. True when nothing is left to be done with it, and it can be
  // used anew; otherwise leave() has to follow, at a time when no exchange is at work, unless
  // exchange_done() comes before.
  bool closed();
  bool is_closed() const { return closed_; }
  bool answer_ended() const { return answer_ended_; }
  bool broken() const { return broken_; }  // reset by us, through no fault of the client
  // The client is gone. True as closed(); otherwise a write's answer is still awaited.
  bool leave();

  // client_took: bytes, of the whole connection, since the last tick.
  void tick(Instant now, std::size_t client_took);
  std::size_t pending() const { return out_.size() - sent_; }

  // nghttp2's question for data of the answer; `source` holds the stream.
  static ssize_t read_answer(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer,
                             std::size_t room, std::uint32_t* flags, nghttp2_data_source* source,
                             void* user_data);
  // The answer's last frame is out: what the client still has to send is not wanted.
  void answer_sent();

 private:
  void interim(const ResponseHead& head) override;
  void answer_head(const ResponseHead& head, const AnswerMeta& meta) override;
  void tunnel_opened(const ResponseHead& head, const AnswerMeta& meta, Tunnel::Far far) override;
  void answer_data(std::string_view data) override;
  void answer_end(std::span<const HeaderField> trailers) override;
  void answer_error(const GatewayError& error) override;
  void flush_answer() override;
  std::size_t queued_bytes() const override { return pending(); }
  bool backlogged() const override;
  void pause_body() override;
  void resume_body() override;
  void exchange_done() override;
  void answer_broken() override;

  void refuse(const HeadProblem& problem);
  void submit(bool with_data);
  void consume(std::size_t bytes);
  void reset(std::uint32_t code);
  void drop_pending();
  ssize_t take_answer(std::uint8_t* buffer, std::size_t room, std::uint32_t* flags);

  Http2Session& session_;
  std::int32_t id_ = 0;
  std::size_t place_ = 0;
  bool closed_ = false;         // by nghttp2
  bool broken_ = false;
  bool head_done_ = false;      // the head has come, whole
  bool request_ended_ = false;  // END_STREAM has come
  bool answered_ = false;       // the final answer's head was handed over
  bool answer_ended_ = false;
  bool answer_has_data_ = false;
  bool deferred_ = false;  // nghttp2 waits to be told of more data
  bool is_head_ = false;

  Http2RequestHead head_;
  std::string text_;  // the head as HTTP/1 has it
  TrailerReader request_trailers_;
  std::size_t trailer_bytes_ = 0;
  std::uint64_t max_body_ = 0;
  std::uint64_t body_bytes_ = 0;
  bool body_paused_ = false;
  std::size_t unconsumed_ = 0;  // of the body, while paused

  HttpExchange exchange_;
  std::string out_;  // data of the answer
  std::size_t sent_ = 0;
  std::vector<std::pair<std::string, std::string>> trailers_;
  Instant since_{};         // when the head began
  ProgressBudget taking_;  // of the client, while data waits for it
};

}  // namespace regent
