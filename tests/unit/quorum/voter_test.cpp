#include "quorum/voter.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

// The rules of a node's vote as text: cases/voter/*.txt holds commands, a line of dashes, and what
// the node does. Commands:
//   node epoch=E region=R lease=D [drift=PPM]   a node starts with this on its disk
//   ask|probe R/gN epoch=E lease=D              a question of gateway N of region R
//   release|close R/gN epoch=E
//   lose-answer ask …                           the node crashes after writing, before answering
//   lose-write ask …                            the node crashes before writing
//   pass D | restart | fail
namespace regent {
namespace {

using std::chrono::milliseconds;

const std::map<std::string, RegionId> kRegions{
    {"us", RegionId{0}}, {"eu", RegionId{1}}, {"ap", RegionId{2}}, {"none", kNoRegion}};
const std::map<std::string, QuestionKind> kKinds{{"ask", QuestionKind::ask},
                                                 {"probe", QuestionKind::probe},
                                                 {"release", QuestionKind::release},
                                                 {"close", QuestionKind::close}};

std::string region_name(RegionId region) {
  for (const auto& [name, id] : kRegions) {
    if (id == region) return name;
  }
  return "?";
}

Duration parse_duration(const std::string& text) {
  std::size_t digits = 0;
  const long long number = std::stoll(text, &digits);
  const std::string unit = text.substr(digits);
  if (unit == "ns") return Duration(number);
  if (unit == "ms") return milliseconds(number);
  if (unit == "h") return std::chrono::hours(number);
  throw std::invalid_argument("unit of " + text);
}

std::string show(Duration duration) {
  const long long count = duration.count();
  return count % 1'000'000 == 0 ? std::to_string(count / 1'000'000) + "ms"
                                : std::to_string(count) + "ns";
}

std::string show(Verdict verdict) {
  switch (verdict) {
    case Verdict::granted:
      return "granted";
    case Verdict::stale:
      return "stale";
    case Verdict::voted:
      return "voted";
    case Verdict::closed:
      return "closed";
    case Verdict::promised:
      return "promised";
    case Verdict::topology:
      return "topology";
    case Verdict::failed:
      return "failed";
  }
  return "?";
}

using Words = std::vector<std::string>;

Words split(const std::string& line) {
  std::istringstream stream(line);
  Words words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string argument(const Words& words, const std::string& key, const std::string& otherwise) {
  for (const std::string& word : words) {
    if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
  }
  return otherwise;
}

// One node, its disk and its clock.
class Bench {
 public:
  std::string run(const std::string& command) {
    const Words words = split(command);
    const std::string& verb = words.at(0);
    if (verb == "node") return start(words);
    if (verb == "pass") {
      now_ += parse_duration(words.at(1));
      return "ok\n";
    }
    if (verb == "restart") return boot();
    if (verb == "fail") {
      voter_->fail();
      return "ok\n";
    }
    if (verb == "lose-write" || verb == "lose-answer") {
      return crash_while(Words(words.begin() + 1, words.end()), verb == "lose-answer");
    }
    return put(words);
  }

 private:
  std::string start(const Words& words) {
    disk_.epoch.value = std::stoull(argument(words, "epoch", ""));
    disk_.region = kRegions.at(argument(words, "region", ""));
    disk_.lease = parse_duration(argument(words, "lease", ""));
    drift_.ppm = static_cast<std::uint32_t>(std::stoul(argument(words, "drift", "0")));
    return boot();
  }

  std::string boot() {
    voter_.emplace(kSelf, disk_, drift_, now_);
    return state() + "\n";
  }

  std::string state() const {
    return "epoch=" + std::to_string(voter_->record().epoch.value) +
           " supports=" + region_name(voter_->record().region);
  }

  static Question question(const Words& words) {
    const std::string& gateway = words.at(1);
    const std::size_t slash = gateway.find('/');
    Question question;
    question.kind = kKinds.at(words.at(0));
    question.region = kRegions.at(gateway.substr(0, slash));
    question.incarnation.value =
        question.region.value * 100ULL + std::stoull(gateway.substr(slash + 2));
    question.epoch.value = std::stoull(argument(words, "epoch", ""));
    question.lease = parse_duration(argument(words, "lease", "0ms"));
    question.round = RoundId{77};
    return question;
  }

  std::string persist(const Voter::Output& output) {
    if (!output.persist) return "";
    disk_ = *output.persist;
    return "persist epoch=" + std::to_string(disk_.epoch.value) +
           " region=" + region_name(disk_.region) + " lease=" + show(disk_.lease) + "\n";
  }

  std::string put(const Words& words) {
    const Question asked = question(words);
    const Voter::Output output = voter_->decide(asked, now_);
    const Answer& answer = output.answer;
    EXPECT_EQ(answer.node, kSelf);
    EXPECT_EQ(answer.question, asked);
    std::string text = persist(output) + show(answer.verdict) +
                       " epoch=" + std::to_string(answer.epoch.value) +
                       " supports=" + region_name(answer.supports);
    if (answer.wait != Duration::zero()) text += " wait=" + show(answer.wait);
    return text + "\n";
  }

  std::string crash_while(const Words& words, bool after_writing) {
    const Voter::Output output = voter_->decide(question(words), now_);
    std::string text = after_writing ? persist(output) : "";
    return text + "crashed " + boot();
  }

  static constexpr NodeId kSelf{3};
  Instant now_{std::chrono::hours(1000)};
  VoteRecord disk_;
  DriftBound drift_;
  std::optional<Voter> voter_;
};

std::vector<std::filesystem::path> case_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(REGENT_VOTER_CASES)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class VoterCases : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(VoterCases, HoldLineByLine) {
  std::ifstream file(GetParam());
  ASSERT_TRUE(file) << GetParam();
  Bench bench;
  int number = 0;
  int cases = 0;
  std::string line;
  while (std::getline(file, line)) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const std::string command = line;
    const int command_line = number;
    std::getline(file, line);
    ++number;
    ASSERT_EQ(line, "----") << GetParam() << ":" << number;
    std::string expected;
    while (std::getline(file, line) && !line.empty()) {
      ++number;
      expected += line + "\n";
    }
    ++number;
    ++cases;
    EXPECT_EQ(bench.run(command), expected)
        << GetParam().string() << ":" << command_line << ": " << command;
  }
  EXPECT_GT(cases, 0);
}

INSTANTIATE_TEST_SUITE_P(Files, VoterCases, ::testing::ValuesIn(case_files()),
                         [](const auto& test) { return test.param.stem().string(); });

TEST(Voter, PromisesToMoreGatewaysThanItRemembersOnlyGrow) {
  Voter voter(NodeId{0}, VoteRecord{}, DriftBound{}, Instant{});
  Question question{.kind = QuestionKind::ask,
                    .epoch = Epoch{1},
                    .region = RegionId{0},
                    .incarnation = Incarnation{1},
                    .lease = milliseconds(1000),
                    .round = RoundId{1}};
  Instant now{milliseconds(1)};
  for (std::uint64_t i = 1; i <= 3 * Voter::kMaxPromises; ++i) {
    question.incarnation = Incarnation{i};
    EXPECT_EQ(voter.decide(question, now).answer.verdict, Verdict::granted);
    now += milliseconds(1);
  }
  // The first incarnations are forgotten by name; the wait is that of the last promise, as ever.
  EXPECT_EQ(voter.wait(Incarnation{9999}, now), milliseconds(999));
  // A release by name leaves the folded promises.
  for (std::uint64_t i = 1; i <= 3 * Voter::kMaxPromises; ++i) {
    question.kind = QuestionKind::release;
    question.incarnation = Incarnation{i};
    EXPECT_EQ(voter.decide(question, now).answer.verdict, Verdict::granted);
  }
  EXPECT_GT(voter.wait(Incarnation{9999}, now), milliseconds(800));
}

// P must outlast L for every pair of clocks within the bound: gateway slow, node fast.
TEST(Lease, PromiseOutlastsTheLeaseOnTheWorstClocks) {
  for (const std::uint32_t ppm : {0U, 1U, 200U, 1000U, 50'000U, kMaxDriftPpm}) {
    for (const std::int64_t lease : {1LL, 3LL, 999LL, 1'500'000'000LL, 3'600'000'000'000LL}) {
      const auto span = promise_span(Duration(lease), DriftBound{ppm});
      using Wide = std::int64_t;  // 3.6e12 * 1.1e6 still fits
      // L / (1-d) <= P / (1+d), both sides times a million and cleared of fractions.
      EXPECT_LE(Wide{lease} * (1'000'000 + ppm), Wide{span.count()} * (1'000'000 - ppm));
      // And by no more than the rounding.
      EXPECT_GT(Wide{lease} * (1'000'000 + ppm), Wide{span.count() - 2} * (1'000'000 - ppm));
      const auto here = at_least_here(Duration(lease), DriftBound{ppm});
      EXPECT_LE(Wide{here.count()} * (1'000'000 + ppm), Wide{lease} * (1'000'000 - ppm));
    }
  }
}

}  // namespace
}  // namespace regent
