#include "security/tls_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "security/openssl.h"

namespace regent {
namespace {

// An alert the peer sent. The numbers are those of RFC 8446, section 6.
Error alert_error(int alert) {
  const auto refused = [](const char* why) {
    return Error{ErrorCode::refused, std::string("peer refused our certificate: ") + why};
  };
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
      return refused("it is not valid, or not yet by the peer's clock");
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
      return refused("it is of a kind the peer does not accept");
    case SSL_AD_CERTIFICATE_REVOKED:
      return refused("it was revoked");
    case SSL_AD_CERTIFICATE_EXPIRED:
      return refused("it has expired by the peer's clock");
    case SSL_AD_CERTIFICATE_UNKNOWN:
      return refused("it is in order, but its holder may not talk to the peer");
    case SSL_AD_UNKNOWN_CA:
      return refused("it was not issued by the peer's authority");
    case SSL_AD_DECRYPT_ERROR:
      return refused("its key did not prove itself");
    case SSL_AD_ACCESS_DENIED:
      return refused("its holder has no access");
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return {ErrorCode::refused, "peer refused us: it demands a certificate and none was shown"};
    case SSL_AD_PROTOCOL_VERSION:
      return {ErrorCode::refused, "peer refused us: it accepts no TLS version that we accept"};
    default:
      return {ErrorCode::unavailable,
              std::string("peer ended the TLS connection with the alert '") +
                  SSL_alert_desc_string_long(alert) + "'"};
  }
}

}  // namespace

Error take_tls_error() {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  const std::string text = take_openssl_error();
  if (code == 0 || ERR_GET_LIB(code) != ERR_LIB_SSL) {
    return {ErrorCode::invalid, "TLS failed: " + text};
  }
  if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255) {
    return alert_error(reason - SSL_AD_REASON_OFFSET);
  }
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {ErrorCode::refused, "peer showed no certificate"};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
      return {ErrorCode::invalid, "peer offers no TLS version that is accepted here: " + text};
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
      return {ErrorCode::invalid, "peer sent what is not TLS here: " + text};
    default:
      return {ErrorCode::invalid, "TLS failed: " + text};
  }
}

}  // namespace regent
