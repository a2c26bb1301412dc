"""A stranger to Vigie, with the stock paho-mqtt package: publishes one reading, prints the alert.

Usage: python_device.py HOST PORT READING_TOPIC ALERT_TOPIC READING
Prints one JSON object with the alert message's topic, qos, retain and payload.
"""

import json
import queue
import sys

import paho.mqtt.client as mqtt

SECONDS = 15


def client():
    if hasattr(mqtt, "CallbackAPIVersion"):  # paho-mqtt 2
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION1)
    return mqtt.Client()


def main(host, port, reading_topic, alert_topic, reading):
    subscribed, alerts = queue.Queue(), queue.Queue()
    stranger = client()
    stranger.on_connect = lambda c, *_: c.subscribe(alert_topic, qos=2)
    stranger.on_subscribe = lambda *_: subscribed.put(None)
    stranger.on_message = lambda _client, _userdata, message: alerts.put(message)
    stranger.connect(host, int(port))
    stranger.loop_start()
    subscribed.get(timeout=SECONDS)
    stranger.publish(reading_topic, reading, qos=1)
    alert = alerts.get(timeout=SECONDS)
    stranger.loop_stop()
    print(
        json.dumps(
            {
                "topic": alert.topic,
                "qos": alert.qos,
                "retain": bool(alert.retain),
                "payload": alert.payload.decode("utf-8"),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
