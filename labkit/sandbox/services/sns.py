"""Amazon SNS in the lab's account.

Simulated here:
- Publish and PublishBatch to every confirmed subscription: SQS, Lambda, HTTP/S, Firehose, e-mail, SMS, mobile push;
  in the envelope of SNS or raw, with one text for each protocol, signed with version 1 or 2. The publisher sees no
  delivery.
- Who may: the policy of the target and its key at each delivery; the topic's key for whoever publishes; the topic's
  policy for services that publish.
- Filter policies on attributes and body, with every operator AWS documents and AWS's reasons when they are not valid.
- Retries by kind of endpoint, delivery policies of HTTP/S with all four phases and a throttle, dead-letter queues.
- Confirmation with tokens of two days, SubscribeURL and UnsubscribeURL, ReturnSubscriptionArn; an unconfirmed
  subscription is deleted after 48 hours.
- FIFO topics: deduplication for five minutes in both scopes, sequence numbers, the order inside a group also while a
  queue fails, archive and replay.
- Delivery status in CloudWatch Logs, when the attributes are set and the role may; in the trace always.
- SMS: opt-out, highest price, monthly limit, numbers of the SMS sandbox. Push: disabled endpoints, dead tokens.
- E-mails, text messages, push messages, and confirmations that found no web server are in lab.inbox().

Differs on AWS:
- A changed filter policy takes up to 15 minutes to be in force on AWS. Here it holds at once.
- AWS varies the waits between retries a little. Here they are exactly those of the policy.
- HTTP/S reaches web servers on this machine only. Other endpoints stay pending, and their confirmation is in the inbox.
- The certificate at SigningCertURL is signed by itself, not by Amazon.
- The lab's account is not in the SMS sandbox: every number can be written to. A text message costs 0.00645 US dollars
  everywhere, the example of AWS's documentation, and at most 1 dollar is spent in a month.
- A message that is being retried still arrives after its subscription or topic was deleted; AWS promises nothing there.
- Credentials of push services are not checked.

Not simulated:
- CloudWatch metrics of topics; throughput quotas and throttling of calls; active tracing.
- Data protection policies (closed to new customers), origination numbers, usage reports.
- The 30 days between two opt-ins of a number.

Sources:
- https://docs.aws.amazon.com/sns/latest/dg/ with the pages sns-message-delivery-retries.html (phases, policies),
  sns-message-and-json-formats.html (envelope, headers), sns-verify-signature-of-message.html,
  sns-message-attributes.html (10 attributes raw, none with MessageStructure), sns-dead-letter-queues.html,
  fifo-message-dedup.html,
  fifo-message-archiving-replay.html, large-message-payloads.html, sns-topic-attributes.html, sms_stats_cloudwatch.html,
  sns-subscription-filter-policies.html and subscription-filter-policy-constraints.html.
- Names, ranges, errors, tokens of two days: botocore's model, sns/2010-03-31/service-2.json.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sns.models import Topic

from labkit.sandbox import delivery
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _sns_api as api
from labkit.sandbox.services import _sns_deliveries as deliveries
from labkit.sandbox.services import _sns_mobile as mobile
from labkit.sandbox.services import _sns_publish as publishing
from labkit.sandbox.services import _sns_signing as signing
from labkit.sandbox.services import _sns_subscriptions as subscriptions
from labkit.sandbox.services import _sns_topics as topics

# -- moto's own objects, as other services of moto use them ----------------------------------------------


@hook("moto.sns.models:SNSBackend.__init__")
def new_backend(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
    """An account begins with nobody opted out."""
    original(self, *args, **kwargs)
    self.opt_out_numbers = []


@hook("moto.sns.models:SNSBackend.create_topic")
def create_topic(original: Any, self: Any, name: str, attributes: Any = None, tags: Any = None) -> Topic:
    """Make a topic, or find the one with the same name and attributes."""
    given = {
        key: value for key, value in (attributes or {}).items() if key in topics.KNOWN or key == "FifoTopic"
    }
    return topics.create(self, name, given, tags or {})


@hook("moto.sns.models:SNSBackend.delete_topic_subscriptions")
def delete_topic_subscriptions(original: Any, self: Any, topic: Topic) -> None:
    """A topic's subscriptions go with it, whoever owns them."""
    for subscription in subscriptions.of_topic(topic):
        del topic.sns_backend.subscriptions[subscription.arn]


@hook("moto.sns.models:SNSBackend.subscribe")
def subscribe(original: Any, self: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
    """How CloudFormation subscribes."""
    topic = topics.find(topic_arn, self.region_name)
    return api.subscribed(topic, protocol, endpoint, {}, self.account_id)[0]


@hook("moto.sns.models:SNSBackend.publish")
def publish(original: Any, self: Any, message: str, arn: str | None, **given: Any) -> str:
    """How other services of moto publish."""
    topic = topics.find(arn, self.region_name)
    return publishing.publish(topic, {"Message": message, "Subject": given.get("subject")}).id


@hook("moto.sns.models:SNSBackend.check_if_phone_number_is_opted_out")
def is_opted_out(original: Any, self: Any, number: str) -> bool:
    """Whether a number is on the list. moto goes by its last digits."""
    return number in self.opt_out_numbers


# -- topics ------------------------------------------------------------------------------------------


@hook("moto.sns.responses:SNSResponse.create_topic")
def answer_create_topic(original: Any, self: Any) -> ActionResult:
    """CreateTopic."""
    tags = api.tags_of(self)
    topic = topics.create(self.backend, self._get_param("Name"), self._get_param("Attributes", {}), tags)
    return ActionResult({"TopicArn": topic.arn})


@hook("moto.sns.responses:SNSResponse.delete_topic")
def answer_delete_topic(original: Any, self: Any) -> ActionResult:
    """DeleteTopic: not an error for a topic that is gone."""
    return api.delete_topic(self)


@hook("moto.sns.responses:SNSResponse.list_topics")
def answer_list_topics(original: Any, self: Any) -> ActionResult:
    """ListTopics."""
    rows = [{"TopicArn": arn} for arn in self.backend.topics]
    return api.page(self, "Topics", rows)


@hook("moto.sns.responses:SNSResponse.get_topic_attributes")
def answer_topic_attributes(original: Any, self: Any) -> ActionResult:
    """GetTopicAttributes."""
    return ActionResult({"Attributes": topics.shown(api.topic_of(self))})


@hook("moto.sns.responses:SNSResponse.set_topic_attributes")
def answer_set_topic_attributes(original: Any, self: Any) -> ActionResult:
    """SetTopicAttributes."""
    topics.put(api.topic_of(self), str(self._get_param("AttributeName")), self._get_param("AttributeValue"))
    return EmptyResult()


@hook("moto.sns.responses:SNSResponse.add_permission")
def answer_add_permission(original: Any, self: Any) -> ActionResult:
    """AddPermission."""
    return api.add_permission(self)


@hook("moto.sns.responses:SNSResponse.remove_permission")
def answer_remove_permission(original: Any, self: Any) -> ActionResult:
    """RemovePermission."""
    return api.remove_permission(self)


# -- subscriptions -----------------------------------------------------------------------------------


@hook("moto.sns.responses:SNSResponse.subscribe")
def answer_subscribe(original: Any, self: Any) -> ActionResult:
    """Subscribe."""
    return api.subscribe(self)


@hook("moto.sns.responses:SNSResponse.confirm_subscription")
def answer_confirm(original: Any, self: Any) -> ActionResult:
    """ConfirmSubscription."""
    return api.confirm(self)


@hook("moto.sns.responses:SNSResponse.unsubscribe")
def answer_unsubscribe(original: Any, self: Any) -> ActionResult:
    """Unsubscribe."""
    return api.unsubscribe(self)


@hook("moto.sns.responses:SNSResponse.list_subscriptions")
def answer_list_subscriptions(original: Any, self: Any) -> ActionResult:
    """ListSubscriptions: those of the caller, on topics of any account."""
    return api.page(self, "Subscriptions", api.owned(self))


@hook("moto.sns.responses:SNSResponse.list_subscriptions_by_topic")
def answer_subscriptions_of_topic(original: Any, self: Any) -> ActionResult:
    """ListSubscriptionsByTopic."""
    found = subscriptions.of_topic(api.topic_of(self))
    return api.page(self, "Subscriptions", [subscriptions.row(one) for one in found])


@hook("moto.sns.responses:SNSResponse.get_subscription_attributes")
def answer_subscription_attributes(original: Any, self: Any) -> ActionResult:
    """GetSubscriptionAttributes."""
    found = subscriptions.get(self._get_param("SubscriptionArn"), self.region)
    return ActionResult({"Attributes": subscriptions.shown(found)})


@hook("moto.sns.responses:SNSResponse.set_subscription_attributes")
def answer_set_subscription_attributes(original: Any, self: Any) -> ActionResult:
    """SetSubscriptionAttributes."""
    found = subscriptions.get(self._get_param("SubscriptionArn"), self.region)
    subscriptions.set_attribute(
        found, str(self._get_param("AttributeName")), self._get_param("AttributeValue")
    )
    return EmptyResult()


# -- publishing --------------------------------------------------------------------------------------


@hook("moto.sns.responses:SNSResponse.publish")
def answer_publish(original: Any, self: Any) -> ActionResult:
    """Publish: to a topic, a device or a phone."""
    return api.publish(self)


@hook("moto.sns.responses:SNSResponse.publish_batch")
def answer_publish_batch(original: Any, self: Any) -> ActionResult:
    """PublishBatch."""
    return api.publish_batch(self)


@hook("moto.sns.responses:SNSResponse.serve_pem")
def serve_pem(original: Any, request: Any, full_url: str, headers: Any) -> Any:
    """The certificate at SigningCertURL."""
    if full_url.rpartition("/")[2] != signing.certificate_name():
        return 404, {}, b""
    return 200, {"Content-Type": "application/x-pem-file"}, signing.certificate()


# -- phones and devices ------------------------------------------------------------------------------


@hook("moto.sns.models:SNSBackend.set_sms_attributes")
def set_sms_attributes(original: Any, self: Any, attrs: dict[str, str]) -> None:
    """SetSMSAttributes."""
    mobile.set_sms_attributes(self, attrs)


@hook("moto.sns.responses:SNSResponse.check_if_phone_number_is_opted_out")
def answer_opted_out(original: Any, self: Any) -> ActionResult:
    """CheckIfPhoneNumberIsOptedOut."""
    number = mobile.check_phone(self._get_param("phoneNumber"))
    return ActionResult({"isOptedOut": number in self.backend.opt_out_numbers})


@hook("moto.sns.responses:SNSResponse.opt_in_phone_number")
def answer_opt_in(original: Any, self: Any) -> ActionResult:
    """OptInPhoneNumber."""
    self.backend.opt_in_phone_number(mobile.check_phone(self._get_param("phoneNumber")))
    return EmptyResult()


@hook("moto.sns.responses:SNSResponse.create_platform_application")
def answer_create_application(original: Any, self: Any) -> Any:
    """CreatePlatformApplication."""
    given = self._get_param
    mobile.check_application(given("Name"), given("Platform"), given("Attributes", {}))
    return original(self)


@hook("moto.sns.responses:SNSResponse.get_platform_application_attributes")
def answer_application(original: Any, self: Any) -> ActionResult:
    """GetPlatformApplicationAttributes: never shows the credentials."""
    found = self.backend.get_platform_application_attributes(self._get_param("PlatformApplicationArn"))
    secret = ("PlatformCredential", "PlatformPrincipal")
    return ActionResult(
        {"Attributes": {"Enabled": "true", **{key: v for key, v in found.items() if key not in secret}}}
    )


@hook("moto.sns.responses:SNSResponse.list_endpoints_by_platform_application")
def answer_endpoints(original: Any, self: Any) -> ActionResult:
    """ListEndpointsByPlatformApplication: a hundred at a time. Who deletes on the way misses none."""
    rows = sorted(original(self).result["Endpoints"], key=lambda row: row.arn)
    after = self._get_param("NextToken") or ""
    rest = [row for row in rows if row.arn > after]
    found: dict[str, Any] = {"Endpoints": rest[: api.PAGE]}
    if len(rest) > api.PAGE:
        found["NextToken"] = rest[api.PAGE - 1].arn
    return ActionResult(found)


@hook("moto.sns.responses:SNSResponse.get_sms_sandbox_account_status", kind="new")
def sms_sandbox_status(self: Any) -> ActionResult:
    """GetSMSSandboxAccountStatus."""
    return ActionResult({"IsInSandbox": False})


@hook("moto.sns.responses:SNSResponse.create_sms_sandbox_phone_number", kind="new")
def create_sandbox_number(self: Any) -> ActionResult:
    """CreateSMSSandboxPhoneNumber."""
    mobile.add_number(self.backend, str(self._get_param("PhoneNumber")))
    return EmptyResult()


@hook("moto.sns.responses:SNSResponse.verify_sms_sandbox_phone_number", kind="new")
def verify_sandbox_number(self: Any) -> ActionResult:
    """VerifySMSSandboxPhoneNumber."""
    number, password = self._get_param("PhoneNumber"), self._get_param("OneTimePassword")
    mobile.verify_number(self.backend, str(number), str(password))
    return EmptyResult()


@hook("moto.sns.responses:SNSResponse.delete_sms_sandbox_phone_number", kind="new")
def delete_sandbox_number(self: Any) -> ActionResult:
    """DeleteSMSSandboxPhoneNumber."""
    mobile.remove_number(self.backend, str(self._get_param("PhoneNumber")))
    return EmptyResult()


@hook("moto.sns.responses:SNSResponse.list_sms_sandbox_phone_numbers", kind="new")
def list_sandbox_numbers(self: Any) -> ActionResult:
    """ListSMSSandboxPhoneNumbers."""
    kept = vars(self.backend).get("sandbox_numbers", {})
    rows = [{"PhoneNumber": number, "Status": one["Status"]} for number, one in kept.items()]
    return api.page(self, "PhoneNumbers", rows)


delivery.receives("arn:sns", delivery.Receiver(deliveries.actions, deliveries.accept, find=deliveries.find))
delivery.receives("mailto", delivery.Receiver((), deliveries.accept_mail))
delivery.receives("tel", delivery.Receiver((), deliveries.accept_sms))
delivery.sends("sns", delivery.Sender(letter=deliveries.letter, ended=deliveries.ended))
