#include "actors/messages/doctor.hpp"

DSRUN_DOCTOR_CROSSING(DSRUN_MADE_HERE)
