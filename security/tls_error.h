#pragma once

#include "quorum/result.h"

// What OpenSSL reports about a connection, in words for an operator.
namespace regent {

// Takes this thread's OpenSSL error queue after a failed TLS operation.
// ErrorCode::refused: the peer refused us or showed no certificate; ErrorCode::invalid: it does
// not speak TLS, or not a version we accept, or broke the protocol.
Error take_tls_error();

}  // namespace regent
