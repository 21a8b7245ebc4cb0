// Certificates of a service, renewed while it is served.
#include <gmock/gmock.h>

#include "security/certificate_folder.h"
#include "tests/unit/gateway/http2_world.h"

namespace regent::test {
namespace {

class CertificateWatchTest : public Http2World {
 protected:
  void renew(int days) const {
    const CertificateHolder holder{{"shop", IdentityRole::gateway, "east", "gw1"}, {"127.0.0.1"}};
    EXPECT_TRUE(create_certificate_folder(world_.certificates(), "shop", {holder}, days).ok());
  }
  std::string shown() { return client()->certificate(); }
  std::vector<CertificateStatus> status() {
    return world_.east().data_plane->backend_status().at(0).certificates;
  }
};

TEST_F(CertificateWatchTest, NewConnectionsSeeTheRenewedOneAndOpenOnesGoOn) {
  serve_ok();
  const auto open = client();
  const std::string first = open->certificate();
  EXPECT_EQ(open->get("/").status, 200U);
  ASSERT_EQ(status().size(), 1U);
  EXPECT_THAT(status()[0].file, testing::EndsWith("/east.gw1.crt"));
  EXPECT_LE(status()[0].seconds_left, 86'400);
  EXPECT_GT(status()[0].seconds_left, 86'000);
  renew(3);
  EXPECT_TRUE(eventually([&] { return shown() != first; }));
  EXPECT_GT(status()[0].seconds_left, 2 * 86'400);
  EXPECT_EQ(open->get("/").status, 200U);
}

}  // namespace
}  // namespace regent::test
