"""On the bare machine: the benchmark's page in one headless Chromium, its report to a file.

    measure.py STORE OUT NAME [PAGE?]QUERY [--f16] [-- FLAG...]     -> OUT/NAME.json

Serves STORE/www with cross-origin isolation and byte ranges, opens PAGE (bench.html) through the
DevTools protocol, and writes what `await window.run()` returns, with the machine, the commit and
the largest memory of Chromium's processes and of the GPU beside it. What the page logs goes to
stderr. Without FLAGs Chromium gets those of the NVIDIA machine, whose driver hides shader-f16 from
Chromium: --f16 asks for it all the same. For SwiftShader: -- --enable-unsafe-webgpu
--use-webgpu-adapter=swiftshader. Needs aiohttp. Unpacked by unpack.sh."""
import asyncio
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

from aiohttp import ClientSession, web

# Without --disable-vulkan-surface Chromium takes SwiftShader and does not say so: ask for vendor=.
NVIDIA = ("--enable-unsafe-webgpu --enable-features=Vulkan --use-angle=vulkan "
          "--disable-vulkan-surface --ignore-gpu-blocklist").split()
F16 = ["--enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia"]
NVIDIA_DRIVER = "/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json"
TIMEOUT_S = float(os.environ.get("TIMEOUT_S", "540"))


@web.middleware
async def isolated(request, handler):
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = error
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    return response


async def serve(folder):
    app = web.Application(middlewares=[isolated])
    app.router.add_static("/", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def start_chromium(store, flags):
    chromium = store / "headless/chromium/chromium-headless-shell"
    env = {**os.environ, "LD_LIBRARY_PATH": str(store / "headless/lib")}
    if os.path.exists(NVIDIA_DRIVER):
        env["VK_DRIVER_FILES"] = NVIDIA_DRIVER
    profile = tempfile.mkdtemp()
    fixed = f"--headless --no-sandbox --remote-debugging-port=0 --user-data-dir={profile} --disable-quic --no-first-run"
    quiet = "--disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage"
    log = open(pathlib.Path(profile) / "log", "w+")
    child = subprocess.Popen([chromium, *fixed.split(), *quiet.split(), *flags, "about:blank"],
                             env=env, stderr=log, stdout=subprocess.DEVNULL, start_new_session=True)
    for _ in range(300):
        found = re.search(r"DevTools listening on ws://([^/]+)", pathlib.Path(log.name).read_text())
        if found:
            return child, found[1]
        if child.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit("measure: Chromium does not start:\n" + pathlib.Path(log.name).read_text()[-2000:])


def command(*args):
    try:
        return subprocess.run(args, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"cpu": cpu and cpu[1], "cores": len(os.sched_getaffinity(0)),
            "gpu": command("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")}


class Memory:
    """Largest sizes seen: resident sets of one Chromium's renderers and GPU process, the GPU's memory."""

    def __init__(self, group):
        self.group = group
        self.most = {"renderer_peak_bytes": 0, "gpu_process_peak_bytes": 0, "gpu_used_peak_mib": None}

    def look(self):
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                if os.getpgid(int(status.parent.name)) != self.group:
                    continue
                kind = re.search(r"--type=(renderer|gpu-process)", (status.parent / "cmdline").read_text().replace("\0", " "))
                peak = kind and re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            except OSError:
                continue  # it has just ended
            if peak:
                key = f"{kind[1].replace('-', '_')}_peak_bytes"
                self.most[key] = max(self.most[key], int(peak[1]) * 1024)
        used = command("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
        if used:
            used = max(map(int, used.split()))  # of the GPU that has most
            self.most["gpu_used_peak_mib"] = max(self.most["gpu_used_peak_mib"] or 0, used)

    async def watch(self):
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(5)  # rarely: it takes a core for a moment


async def page_run(devtools, url):
    """Opens url and returns what `await window.run()` gives, or {"error": ...}."""
    async with ClientSession() as http:
        async with http.put(f"http://{devtools}/json/new?about:blank") as response:
            tab = await response.json()
        async with http.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            waiting = {}

            async def call(method, **params):
                waiting[len(waiting) + 1] = answer = asyncio.get_running_loop().create_future()
                await socket.send_json({"id": len(waiting), "method": method, "params": params})
                return await answer

            async def listen():
                async for message in socket:
                    data = json.loads(message.data)
                    if "id" in data:
                        waiting[data["id"]].set_result(data)
                    elif data["method"] == "Runtime.consoleAPICalled":
                        words = [str(a.get("value", a.get("description"))) for a in data["params"]["args"]]
                        print("page:", *words, file=sys.stderr, flush=True)
                    elif data["method"] == "Runtime.exceptionThrown":
                        print("page:", json.dumps(data["params"]["exceptionDetails"])[:600], file=sys.stderr, flush=True)

            listener = asyncio.create_task(listen())
            await call("Runtime.enable")
            await call("Page.navigate", url=url)
            for _ in range(300):  # the page's modules are there when run is
                found = await call("Runtime.evaluate", expression="typeof window.run")
                if found.get("result", {}).get("result", {}).get("value") == "function":
                    break
                await asyncio.sleep(0.1)
            run = call("Runtime.evaluate", expression="window.run()", awaitPromise=True, returnByValue=True)
            answer = await asyncio.wait_for(run, TIMEOUT_S)
            listener.cancel()
            result = answer.get("result", {})
            if "exceptionDetails" in result or "value" not in result.get("result", {}):
                return {"error": json.dumps(answer)[:2000]}
            return result["result"]["value"]


async def main(store, out, name, query, flags):
    store, out = pathlib.Path(store), pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    url = await serve(store / "www")
    child, devtools = start_chromium(store, flags)
    memory = Memory(child.pid)
    watcher = asyncio.create_task(memory.watch())
    try:
        report = await page_run(devtools, f"{url}/{query if '?' in query else 'bench.html?' + query}")
    except asyncio.TimeoutError:
        report = {"error": f"no answer within {TIMEOUT_S:.0f} s"}
    finally:
        await asyncio.to_thread(memory.look)
        watcher.cancel()
        os.killpg(child.pid, signal.SIGKILL)
    facts = {"command": f"measure.py {query} -- {' '.join(flags)}", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
             "commit": (store / "www/commit.txt").read_text().strip(), "machine": machine(), "memory": memory.most}
    (out / f"{name}.json").write_text(json.dumps({**report, **facts}, indent=1) + "\n")
    print(json.dumps({**report, **facts}))
    return 1 if "error" in report or "nearfield" in report.get("left_out", {}) else 0


if __name__ == "__main__":
    args, flags = sys.argv[1:], NVIDIA
    if "--" in args:
        at = args.index("--")
        args, flags = args[:at], args[at + 1:]
    if "--f16" in args:
        args.remove("--f16")
        flags = flags + F16
    if len(args) != 4:
        raise SystemExit(__doc__)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Chromium ends with it
    sys.exit(asyncio.run(main(*args, flags)))
