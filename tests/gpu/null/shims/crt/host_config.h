// In place of a header of the CUDA compiler, which no wheel carries: nothing of it is needed here.
#pragma once
