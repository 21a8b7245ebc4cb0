#include "topology/document.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace regent {
namespace {

// The library counts from 0; a null mark is -1.
FilePlace to_place(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

struct TooManyValues {
  FilePlace place;
};

// Builds values from the library's events. Aliases are expanded here, so that the number of values
// can be limited before they exist.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(Findings& findings) : findings_(findings) {}

  std::vector<YamlValue>& documents() { return documents_; }

  void OnDocumentStart(const YAML::Mark&) override { anchors_.clear(); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlValue value;
    value.place = to_place(mark);
    finish(std::move(value), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& text) override {
    YamlValue value;
    value.kind = YamlValue::Kind::scalar;
    value.place = to_place(mark);
    value.text = text;
    finish(std::move(value), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlValue value;
    if (const auto found = anchors_.find(anchor); found != anchors_.end()) {
      spend(found->second.size, to_place(mark));
      value = found->second;
    } else {
      findings_.error_at(to_place(mark), "", "this alias stands inside the value it names");
    }
    value.place = to_place(mark);
    finish(std::move(value), 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    start(YamlValue::Kind::list, mark, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    start(YamlValue::Kind::map, mark, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    YamlValue value;
    YAML::anchor_t anchor = 0;
    std::unordered_map<std::string, int> lines;  // of the keys so far
    std::optional<YamlEntry> entry;              // its key is known, its value is not
    bool skip = false;                           // that entry: its key was no good
  };

  void start(YamlValue::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    Open& open = open_.emplace_back();
    open.value.kind = kind;
    open.value.place = to_place(mark);
    open.anchor = anchor;
  }
  void end() {
    Open open = std::move(open_.back());
    open_.pop_back();
    finish(std::move(open.value), open.anchor);
  }

  void spend(std::size_t values, FilePlace place) {
    values_ += values;
    if (values_ > kMaxTopologyValues) throw TooManyValues{place};
  }

  // A complete value: to where it belongs.
  void finish(YamlValue value, YAML::anchor_t anchor) {
    spend(1, value.place);
    if (anchor != 0) {
      spend(value.size, value.place);
      anchors_.insert_or_assign(anchor, value);
    }
    if (open_.empty()) {
      documents_.push_back(std::move(value));
      return;
    }
    Open& open = open_.back();
    if (open.value.kind == YamlValue::Kind::list) {
      open.value.size += value.size;
      open.value.entries.push_back({"", value.place, std::move(value)});
    } else if (open.entry) {
      // What is left out has no place of its own; the library gives that of the next token.
      if (value.kind == YamlValue::Kind::null) value.place = open.entry->key_place;
      open.entry->value = std::move(value);
      open.value.size += open.entry->value.size;
      if (!open.skip) open.value.entries.push_back(std::move(*open.entry));
      open.entry.reset();
      open.skip = false;
    } else {
      take_key(open, std::move(value));
    }
  }

  void take_key(Open& open, YamlValue key) {
    if (key.kind != YamlValue::Kind::scalar) {
      findings_.error_at(key.place, "", "a key must be a plain word");
      open.skip = true;
      open.entry = YamlEntry{"", key.place, {}};
      return;
    }
    const auto [known, fresh] = open.lines.emplace(key.text, key.place.line);
    if (!fresh) {
      findings_.error_at(
          key.place, path() + printable(key.text),
          "given twice, first in line " + std::to_string(known->second) + ": keep one of them");
      open.skip = true;
    }
    open.entry = YamlEntry{std::move(key.text), key.place, {}};
  }

  // Of what is being read now, with a dot at its end.
  std::string path() const {
    std::string out;
    for (const Open& open : open_) {
      if (open.value.kind == YamlValue::Kind::list) {
        if (!out.empty()) out.pop_back();
        out += "[" + std::to_string(open.value.entries.size()) + "].";
      } else if (open.entry) {
        out += printable(open.entry->key) + ".";
      }
    }
    return out;
  }

  Findings& findings_;
  std::vector<YamlValue> documents_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, YamlValue> anchors_;
  std::size_t values_ = 0;
};

// Bytes of the UTF-8 character that starts at `at`; 0 when it is none a text file has.
std::size_t character_length(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) {
    const bool space = first == '\t' || first == '\n' || first == '\r';
    return (first >= 0x20 || space) && first != 0x7f ? 1 : 0;
  }
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) return follows(1) && follows(2) ? 3 : 0;
  if (first >= 0xf0 && first <= 0xf4) return follows(1) && follows(2) && follows(3) ? 4 : 0;
  return 0;
}

// The YAML library reads past bytes that are no text; a person should hear of them.
bool is_text(const std::string& text, Findings& findings) {
  FilePlace place{1, 1};
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text, at);
    if (length == 0) {
      findings.error_at(place, "", "not a text file: a byte here is no UTF-8 text");
      return false;
    }
    if (text[at] == '\n') {
      ++place.line;
      place.column = 1;
    } else {
      ++place.column;
    }
    at += length;
  }
  return true;
}

}  // namespace

std::optional<YamlValue> parse_document(const std::string& text, const DocumentKind& kind,
                                        Findings& findings) {
  if (text.size() > kMaxTopologyBytes) {
    findings.error_at({}, "", "is larger than 4 MiB: this is no " + kind.name + " file");
    return std::nullopt;
  }
  if (!is_text(text, findings)) return std::nullopt;
  Builder builder(findings);
  try {
    // The library takes a quote that is never closed for a closed one when a line end follows it.
    std::istringstream stream(text.substr(0, text.find_last_not_of(" \t\r\n") + 1));
    YAML::Parser parser(stream);
    // Two are one too many. The library can find documents without end: it stays at a comma that
    // stands in no list.
    while (builder.documents().size() < 2 && parser.HandleNextDocument(builder)) {
    }
  } catch (const TooManyValues& thrown) {
    findings.error_at(thrown.place, "",
                      "holds more than " + std::to_string(kMaxTopologyValues) +
                          " values (aliases count each time they are used)");
    return std::nullopt;
  } catch (const YAML::DeepRecursion& thrown) {
    findings.error_at(to_place(thrown.mark), "",
                      "is nested too deeply: this is no " + kind.name + " file");
    return std::nullopt;
  } catch (const YAML::Exception& thrown) {
    const bool quote = thrown.msg == YAML::ErrorMsg::EOF_IN_SCALAR;
    findings.error_at(to_place(thrown.mark), "",
                      "not valid YAML: " + printable(thrown.msg) +
                          (quote ? " (a quote that is opened and never closed?)" : ""));
    return std::nullopt;
  } catch (const std::exception& thrown) {
    findings.error_at({}, "", std::string("cannot be parsed: ") + thrown.what());
    return std::nullopt;
  }
  if (builder.documents().empty()) {
    findings.error_at({1, 1}, "", "is empty: a " + kind.name + " needs " + kind.needs);
    return std::nullopt;
  }
  if (builder.documents().size() > 1) {
    findings.error_at(builder.documents()[1].place, "",
                      "a second document starts here: a " + kind.name + " file holds exactly one");
  }
  return std::move(builder.documents().front());
}

}  // namespace regent
