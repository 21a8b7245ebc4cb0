#pragma once

#include "quorum/result.h"

// What OpenSSL reports about a connection, in words for an operator.
namespace regent {

// Takes this thread's OpenSSL error queue after a failed TLS operation.
// ErrorCode::refused: the peer refused us or showed no certificate. Either is so before its
// handshake is complete, so it has read nothing of what we sent behind ours (with TLS 1.3 the
// dialling side completes its own first). ErrorCode::invalid: it does not speak TLS, or not a
// version we accept, or broke the protocol; ErrorCode::unavailable: it ended the connection with
// another alert, at any time.
Error take_tls_error();

}  // namespace regent
