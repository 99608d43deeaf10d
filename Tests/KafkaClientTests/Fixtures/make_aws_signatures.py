"""Writes aws_signatures.json: what PyPI's botocore signs, for AWSSignatureTests to compare with.

    pip install botocore
    python make_aws_signatures.py > aws_signatures.json
"""

import datetime
import json
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials

KEYS = [
    ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None),
    ("ASIAEXAMPLE", "secret with spaces/+=", "IQoJb3JpZ2luX2VjEJr//////////wEaCWV1LXdlc3QtMSJHMEUCIQD+/=="),
]
HOSTS = [
    ("b-1.demo.abc123.c2.kafka.eu-west-1.amazonaws.com", "eu-west-1"),
    ("boot-xyz.c3.kafka-serverless.us-east-1.amazonaws.com", "us-east-1"),
    ("b-2.demo.abc123.c4.kafka.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ("kafka.example", "ap-southeast-2"),
]
TIMES = ["2026-01-31T12:34:56Z", "2030-12-01T00:00:00Z"]


def at(text):
    time = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    patches = []
    if hasattr(botocore.auth, "get_current_datetime"):
        patches.append(mock.patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: time.replace(tzinfo=None)))
    else:
        clock = mock.Mock(wraps=datetime)
        clock.datetime.utcnow.return_value = time.replace(tzinfo=None)
        patches.append(mock.patch.object(botocore.auth, "datetime", clock))
    return int(time.timestamp()), patches[0]


def connects():
    for access, secret, token in KEYS:
        credentials = botocore.credentials.Credentials(access, secret, token)
        for host, region in HOSTS:
            for text in TIMES:
                seconds, clock = at(text)
                request = botocore.awsrequest.AWSRequest(
                    "GET", f"https://{host}/", params={"Action": "kafka-cluster:Connect"})
                with clock:
                    botocore.auth.SigV4QueryAuth(credentials, "kafka-cluster", region, expires=900).add_auth(request)
                query = parse_qs(urlsplit(request.url).query, strict_parsing=True)
                yield {
                    "accessKeyID": access, "secretAccessKey": secret, "sessionToken": token, "host": host,
                    "region": region, "time": seconds,
                    "query": {name: values[0] for name, values in query.items()},
                }


def assumptions():
    for access, secret, token in KEYS:
        credentials = botocore.credentials.Credentials(access, secret, token)
        for text in TIMES:
            seconds, clock = at(text)
            body = "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=s&Version=2011-06-15"
            request = botocore.awsrequest.AWSRequest(
                "POST", "https://sts.eu-west-1.amazonaws.com/", data=body,
                headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
            with clock:
                botocore.auth.SigV4Auth(credentials, "sts", "eu-west-1").add_auth(request)
            yield {
                "accessKeyID": access, "secretAccessKey": secret, "sessionToken": token,
                "host": "sts.eu-west-1.amazonaws.com", "region": "eu-west-1", "time": seconds, "body": body,
                "authorization": request.headers["Authorization"],
            }


print(json.dumps({"connects": list(connects()), "assumptions": list(assumptions())}, indent=1))
