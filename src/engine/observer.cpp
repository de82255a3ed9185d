#include "engine/observer.h"

namespace fathom::engine {
namespace {

class DeafObserver final : public EngineObserver {
 public:
  void OnEvent(const EngineEvent& /*event*/) override {}
};

}  // namespace

EngineObserver& EngineObserver::Nobody() {
  static DeafObserver nobody;
  return nobody;
}

}  // namespace fathom::engine
