#pragma once

#include <optional>

#include "quorum/message.h"
#include "region/peer_message.h"
#include "wire.pb.h"

// Enumerators between memory and the wire, for the codec. On the wire 0 means that none was sent.
namespace regent {

wire::QuestionKind pack(QuestionKind kind);
wire::Verdict pack(Verdict verdict);
wire::SwitchoverOutcome pack(SwitchoverOutcome outcome);

// nullopt: a value that this version does not know.
std::optional<QuestionKind> unpack(wire::QuestionKind kind);
std::optional<Verdict> unpack(wire::Verdict verdict);
std::optional<SwitchoverOutcome> unpack(wire::SwitchoverOutcome outcome);

}  // namespace regent
