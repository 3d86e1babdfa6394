/* The reasons of a plan as a receipt names them, and as a person reads them. Owns the words only.
 */
#include "base/base.h"

static const struct {
  const char *name, *text;
} WHYS[] = {
    [NF_WHY_NONE] = {"", ""},
    [NF_WHY_DEVICE_PREFERRED] = {"device_preferred", "this device is preferred and quick enough"},
    [NF_WHY_DEVICE_FASTER] = {"device_faster", "this device is quicker than the server"},
    [NF_WHY_DEVICE_CHEAPER] = {"device_cheaper", "the server's price is not worth the time saved"},
    [NF_WHY_DEVICE_DEADLINE] = {"device_deadline", "only this device is expected in time"},
    [NF_WHY_DEVICE_SOON] = {"device_soon", "the model is loaded before the server would answer"},
    [NF_WHY_SERVER_PREFERRED] = {"server_preferred", "the server is preferred and quick enough"},
    [NF_WHY_SERVER_FASTER] = {"server_faster", "the server is quicker than this device"},
    [NF_WHY_SERVER_DEADLINE] = {"server_deadline", "only the server is expected in time"},
    [NF_WHY_ONLY_ON_DEVICE] = {"only_on_device", "nothing may leave this device"},
    [NF_WHY_OFFLINE] = {"offline", "there is no network"},
    [NF_WHY_SERVER_AWAY] = {"server_away", "there is no server, or it cannot be reached"},
    [NF_WHY_SERVER_FAILING] = {"server_failing", "the server has failed and is left alone a while"},
    [NF_WHY_BUDGET] = {"budget", "the edit costs more than is left of the budget"},
    [NF_WHY_ONLY_IN_CLOUD] = {"only_in_cloud", "only the server may answer"},
    [NF_WHY_DEVICE_ABSENT] = {"device_absent", "no model runs on this device"},
    [NF_WHY_DEVICE_LOADING] = {"device_loading", "the model is still loading on this device"},
    [NF_WHY_DEVICE_LOST] = {"device_lost", "the GPU was lost"},
    [NF_WHY_DEVICE_FAILING] = {"device_failing",
                               "this device has failed and is left alone a while"},
    [NF_WHY_NOT_OFFERED] = {"not_offered", "the task is not offered on this device"},
    [NF_WHY_CONTEXT] = {"context", "the text is too long for the model of this device"},
    [NF_WHY_MEMORY] = {"memory", "this device has too little memory left"},
    [NF_WHY_NOWHERE] = {"nowhere", "neither this device nor the server can"},
};
static_assert(sizeof WHYS / sizeof WHYS[0] == NF_ROUTE_WHYS);

static bool known(nf_route_why why) { return 0 <= (i32)why && (i32)why < NF_ROUTE_WHYS; }
const char *nf_route_why_name(nf_route_why why) { return known(why) ? WHYS[why].name : nullptr; }
const char *nf_route_why_text(nf_route_why why) { return known(why) ? WHYS[why].text : nullptr; }
