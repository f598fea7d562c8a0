// Calls, and programs of several calls that run without Python in between.
#include "call.h"

#include <vector>

#include "bind.h"

namespace smoothbit {
namespace {

class Program {
 public:
  explicit Program(nb::list calls) : owner_(calls) {
    for (nb::handle call : calls) calls_.push_back(nb::cast<const Call*>(call));
  }
  void run() const {
    nb::gil_scoped_release release;
    for (const Call* call : calls_) call->run();
  }

 private:
  nb::list owner_;  // keeps the calls alive
  std::vector<const Call*> calls_;
};

}  // namespace

void bind_call(nb::module_& module) {
  nb::class_<Call>(module, "Call").def("run", [](const Call& call) {
    nb::gil_scoped_release release;
    call.run();
  });
  nb::class_<Program>(module, "Program").def(nb::init<nb::list>(), nb::arg("calls")).def("run", &Program::run);
}

}  // namespace smoothbit
