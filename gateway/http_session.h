#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/http_answer_writer.h"
#include "gateway/http_body.h"
#include "gateway/http_exchange.h"
#include "gateway/http_head.h"
#include "gateway/http_trailers.h"
#include "gateway/session.h"
#include "region/stream.h"

namespace regent {

// An HTTP connection of a client, or of another gateway that forwards requests here. Reads one
// request after the other and hands each to the exchange; the next one waits until the answer to
// the one before is out. Loop's thread.
class HttpSession final : public Session, private Stream::Handler, private ExchangeClient {
 public:
  // Bytes of further requests that may wait while one is being answered.
  static constexpr std::size_t kMaxWaitingBytes = 64 * 1024;

  struct Entry {
    std::optional<std::uint32_t> service;  // nullopt: other gateways, which name it themselves
    bool tls = false;
  };
  HttpSession(ProxyContext& context, SessionSet& sessions, Entry entry);

  // Takes the socket over. The session must be in `sessions` already.
  void open(Poco::Net::StreamSocket socket, std::optional<Stream::Tls> tls);

  void tick(Instant now) override;
  void services_changed() override;
  void wind_down() override;
  void cut_off() override;

 private:
  enum class State : std::uint8_t { handshake, head, body, waiting, lingering, gone };

  void on_open() override;
  void on_data(std::span<const std::byte> data) override;
  void on_end() override;
  void on_drained() override;
  void on_closed(const Error& reason) override;

  void interim(const ResponseHead& head) override;
  void answer_head(const ResponseHead& head, const AnswerMeta& meta) override;
  void tunnel_opened(const ResponseHead& head, const AnswerMeta& meta, Tunnel::Far far) override;
  void answer_data(std::string_view data) override;
  bool can_splice() const override;
  void answer_piped(SplicePipe& pipe) override;
  void answer_end(std::span<const HeaderField> trailers) override;
  void answer_error(const GatewayError& error) override;
  void flush_answer() override;
  std::size_t queued_bytes() const override;
  bool backlogged() const override { return queued_bytes() > HttpExchange::kHighWaterBytes; }
  void pause_body() override;
  void resume_body() override;
  void exchange_done() override;
  void answer_broken() override;

  std::size_t process(std::string_view input);
  void process_waiting();
  std::size_t take_head(std::string_view input);
  std::size_t take_opening(std::string_view input);
  std::size_t take_body(std::string_view input);
  bool begin_request();
  void end_of_request();
  void refuse(const HeadProblem& problem);
  void linger();
  void give_place_to(std::unique_ptr<Session> next);
  void retire();
  void drop_stream();
  // Whether the connection can take another request after the present answer, as far as is known.
  bool may_keep() const;

  ProxyContext& context_;
  SessionSet& sessions_;
  const Entry entry_;
  std::unique_ptr<Stream> stream_;
  std::string client_address_;
  Timeouts timeouts_;  // of the service; between gateways, of the one that was named last
  State state_ = State::head;
  bool processing_ = false;
  bool half_closed_ = false;
  bool winding_down_ = false;
  bool paused_ = false;
  std::string in_;        // received, not used yet
  std::size_t seen_ = 0;  // bytes of an incomplete head that were looked at already
  RequestHead request_;
  BodyReader body_;
  TrailerReader trailers_;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t max_body_ = 0;
  HttpExchange exchange_;
  HttpAnswerWriter writer_;
  bool keep_ = false;  // as the present answer's head says
  Instant since_{};    // of the present state, for its time limit
};

}  // namespace regent
