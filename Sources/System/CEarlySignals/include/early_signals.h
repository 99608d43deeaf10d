#pragma once

/// Whether a HUP has come to `run` since the process began.
int early_hangup_has_come(void);
