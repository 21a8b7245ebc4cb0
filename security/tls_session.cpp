#include "security/tls_session.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <openssl/err.h>

#include "security/certificate.h"
#include "security/openssl.h"
#include "security/tls_error.h"

namespace regent {
namespace {

constexpr std::size_t kRecordBytes = 16384;  // the most plain text one TLS record holds

// One BIO for both directions, straight over the session's buffers: OpenSSL takes what was
// received from where it lies, and leaves records in the string that goes to the socket. OpenSSL
// empties the input each time, keeping an incomplete record itself.
struct Buffers {
  std::span<const std::byte> input;
  std::string output;
};

int buffers_read(BIO* bio, char* data, std::size_t size, std::size_t* count) {
  auto& input = static_cast<Buffers*>(BIO_get_data(bio))->input;
  BIO_clear_retry_flags(bio);
  if (input.empty()) {
    BIO_set_retry_read(bio);
    return 0;
  }
  *count = std::min(size, input.size());
  std::memcpy(data, input.data(), *count);
  input = input.subspan(*count);
  return 1;
}

int buffers_write(BIO* bio, const char* data, std::size_t size, std::size_t* count) {
  BIO_clear_retry_flags(bio);
  static_cast<Buffers*>(BIO_get_data(bio))->output.append(data, size);
  *count = size;
  return 1;
}

long buffers_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* new_buffers_bio(Buffers* buffers) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "regent buffers");
    CHECK(made != nullptr);
    BIO_meth_set_read_ex(made, buffers_read);
    BIO_meth_set_write_ex(made, buffers_write);
    BIO_meth_set_ctrl(made, buffers_control);
    return made;
  }();
  BIO* bio = BIO_new(method);
  CHECK(bio != nullptr);
  BIO_set_data(bio, buffers);
  BIO_set_init(bio, 1);
  return bio;
}

// Which slot of an SSL object points back to the session's state.
int state_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}

}  // namespace

struct TlsSession::State {
  Buffers buffers;
  std::shared_ptr<SSL_CTX> context;
  SslOwner ssl;
  PeerCheck check;
  std::optional<Error> verify_error;  // why the peer's certificate was not accepted
  std::optional<Error> failure;       // set once; the session is over
  std::optional<Identity> verified;   // from the certificate, before its key was proven
  std::optional<Identity> peer;       // once established
  std::string waiting;                // written before the handshake was complete
  bool established = false;
  bool closing = false;
  bool peer_closed = false;

  static int judge_certificate(int accepted, X509_STORE_CTX* store_context);
  Error fail(Error error);
  Status fail_after(int result);
  Status advance_handshake();
  Status finish_handshake();
  Status read_into(std::string& plain);
  Status encrypt(const void* data, std::size_t size);
  void send_close();
};

// OpenSSL calls it for each certificate of the peer's chain and each fault in it.
int TlsSession::State::judge_certificate(int accepted, X509_STORE_CTX* store_context) {
  auto* ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(store_context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* state = static_cast<State*>(SSL_get_ex_data(ssl, state_slot()));
  const auto refuse = [&](std::string why) {
    if (!state->verify_error) state->verify_error = Error{ErrorCode::refused, std::move(why)};
    return 0;
  };
  if (accepted == 0) return refuse(verify_failure_text(store_context));
  if (X509_STORE_CTX_get_error_depth(store_context) != 0 || !state->check || state->verified) {
    return 1;
  }
  // Of all codes without a meaning of their own here, one that OpenSSL puts on the wire as
  // certificate_unknown, which alert_error() in tls_error.cpp translates back.
  const auto refuse_holder = [&](std::string why) {
    X509_STORE_CTX_set_error(store_context, X509_V_ERR_SUBTREE_MINMAX);
    return refuse(std::move(why));
  };
  auto identity = identity_of(X509_STORE_CTX_get0_cert(store_context));
  if (!identity.ok()) return refuse_holder(identity.error().message);
  if (const Status allowed = state->check(*identity); !allowed.ok()) {
    return refuse_holder(allowed.error().message);
  }
  state->verified = std::move(*identity);
  return 1;
}

Error TlsSession::State::fail(Error error) {
  failure = std::move(error);
  buffers.input = {};
  waiting.clear();
  return *failure;
}

// After an OpenSSL call on `ssl` gave `result`: success when it only wants more input.
Status TlsSession::State::fail_after(int result) {
  const int code = SSL_get_error(ssl.get(), result);
  if (code == SSL_ERROR_WANT_READ) return Done{};
  if (code == SSL_ERROR_ZERO_RETURN) {
    peer_closed = true;
    return Done{};
  }
  if (verify_error && !established) {
    ERR_clear_error();
    return fail(*verify_error);
  }
  return fail(take_tls_error());
}

Status TlsSession::State::advance_handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl.get());
  return result == 1 ? finish_handshake() : fail_after(result);
}

Status TlsSession::State::finish_handshake() {
  if (check && !verified) return fail({ErrorCode::refused, "peer showed no certificate"});
  established = true;
  peer = std::move(verified);
  if (!waiting.empty()) {
    const auto sent = encrypt(waiting.data(), waiting.size());
    waiting = std::string();
    if (!sent.ok()) return sent;
  }
  if (closing) send_close();
  return Done{};
}

Status TlsSession::State::read_into(std::string& plain) {
  // Shared by all sessions of a thread: only what was really received is copied on.
  static thread_local std::array<char, kRecordBytes> record;
  while (true) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl.get(), record.data(), record.size(), &count);
    if (result != 1) return fail_after(result);
    plain.append(record.data(), count);
  }
}

Status TlsSession::State::encrypt(const void* data, std::size_t size) {
  ERR_clear_error();
  std::size_t written = 0;
  const int result = SSL_write_ex(ssl.get(), data, size, &written);
  if (result == 1) return Done{};
  CHECK(SSL_get_error(ssl.get(), result) != SSL_ERROR_WANT_READ);
  return fail_after(result);
}

void TlsSession::State::send_close() {
  ERR_clear_error();
  SSL_shutdown(ssl.get());
  ERR_clear_error();
}

TlsSession::TlsSession(std::shared_ptr<SSL_CTX> context, Side side, PeerCheck check,
                       const std::string& server_name)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.context = std::move(context);
  state.check = std::move(check);
  state.ssl.reset(SSL_new(state.context.get()));
  SSL* ssl = state.ssl.get();
  CHECK(ssl != nullptr);
  CHECK(SSL_set_ex_data(ssl, state_slot(), &state) == 1);
  BIO* bio = new_buffers_bio(&state.buffers);
  SSL_set_bio(ssl, bio, bio);
  const int mode = SSL_get_verify_mode(ssl);
  if (mode != SSL_VERIFY_NONE) SSL_set_verify(ssl, mode, State::judge_certificate);
  if (side == Side::server) {
    SSL_set_accept_state(ssl);
    return;
  }
  if (!server_name.empty()) SSL_set_tlsext_host_name(ssl, server_name.c_str());
  SSL_set_connect_state(ssl);
  // A failure is kept and returned by the first feed().
  const auto started = state.advance_handshake();
  static_cast<void>(started);
}

TlsSession::~TlsSession() = default;

Status TlsSession::feed(std::span<const std::byte> received, std::string& plain) {
  State& state = *state_;
  if (state.failure) return *state.failure;
  if (state.peer_closed) return Done{};
  state.buffers.input = received;
  Status status = Done{};
  if (!state.established) status = state.advance_handshake();
  if (status.ok() && state.established) status = state.read_into(plain);
  state.buffers.input = {};
  return status;
}

Status TlsSession::write(std::span<const std::byte> plain) {
  State& state = *state_;
  if (state.failure) return *state.failure;
  if (state.closing) return Error{ErrorCode::unavailable, "the TLS session was closed by us"};
  if (plain.empty()) return Done{};
  if (state.established) return state.encrypt(plain.data(), plain.size());
  state.waiting.append(reinterpret_cast<const char*>(plain.data()), plain.size());
  return Done{};
}

std::string TlsSession::take_output() {
  return std::exchange(state_->buffers.output, {});
}

void TlsSession::take_output(std::string& into) {
  CHECK(into.empty());
  into.swap(state_->buffers.output);
}

bool TlsSession::has_output() const {
  return !state_->buffers.output.empty();
}

bool TlsSession::established() const {
  return state_->established && !state_->failure;
}

std::string_view TlsSession::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  if (state_->established) SSL_get0_alpn_selected(state_->ssl.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

bool TlsSession::peer_closed() const {
  return state_->peer_closed;
}

void TlsSession::close() {
  State& state = *state_;
  if (state.failure || state.closing) return;
  state.closing = true;
  if (state.established) state.send_close();
}

const std::optional<Identity>& TlsSession::peer() const {
  return state_->peer;
}

std::string TlsSession::peer_certificate_der() const {
  if (!state_->established) return "";
  const X509* certificate = SSL_get0_peer_certificate(state_->ssl.get());
  return certificate == nullptr ? "" : certificate_der(certificate);
}

}  // namespace regent
