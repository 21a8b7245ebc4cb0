#include "region/wire_enums.h"

namespace regent {

wire::QuestionKind pack(QuestionKind kind) {
  switch (kind) {
    case QuestionKind::ask:
      return wire::ASK;
    case QuestionKind::probe:
      return wire::PROBE;
    case QuestionKind::release:
      return wire::RELEASE;
    case QuestionKind::close:
      break;
  }
  return wire::CLOSE;
}

std::optional<QuestionKind> unpack(wire::QuestionKind kind) {
  switch (kind) {
    case wire::ASK:
      return QuestionKind::ask;
    case wire::PROBE:
      return QuestionKind::probe;
    case wire::RELEASE:
      return QuestionKind::release;
    case wire::CLOSE:
      return QuestionKind::close;
    default:
      return std::nullopt;
  }
}

wire::Verdict pack(Verdict verdict) {
  switch (verdict) {
    case Verdict::granted:
      return wire::GRANTED;
    case Verdict::stale:
      return wire::STALE;
    case Verdict::voted:
      return wire::VOTED;
    case Verdict::closed:
      return wire::CLOSED;
    case Verdict::promised:
      return wire::PROMISED;
    case Verdict::topology:
      return wire::TOPOLOGY;
    case Verdict::failed:
      break;
  }
  return wire::FAILED;
}

std::optional<Verdict> unpack(wire::Verdict verdict) {
  switch (verdict) {
    case wire::GRANTED:
      return Verdict::granted;
    case wire::STALE:
      return Verdict::stale;
    case wire::VOTED:
      return Verdict::voted;
    case wire::CLOSED:
      return Verdict::closed;
    case wire::PROMISED:
      return Verdict::promised;
    case wire::TOPOLOGY:
      return Verdict::topology;
    case wire::FAILED:
      return Verdict::failed;
    default:
      return std::nullopt;
  }
}

wire::SwitchoverOutcome pack(SwitchoverOutcome outcome) {
  switch (outcome) {
    case SwitchoverOutcome::done:
      return wire::DONE;
    case SwitchoverOutcome::not_possible:
      return wire::NOT_POSSIBLE;
    case SwitchoverOutcome::unsafe:
      return wire::UNSAFE;
    case SwitchoverOutcome::timed_out:
      break;
  }
  return wire::TIMED_OUT;
}

std::optional<SwitchoverOutcome> unpack(wire::SwitchoverOutcome outcome) {
  switch (outcome) {
    case wire::DONE:
      return SwitchoverOutcome::done;
    case wire::NOT_POSSIBLE:
      return SwitchoverOutcome::not_possible;
    case wire::UNSAFE:
      return SwitchoverOutcome::unsafe;
    case wire::TIMED_OUT:
      return SwitchoverOutcome::timed_out;
    default:
      return std::nullopt;
  }
}

}  // namespace regent
